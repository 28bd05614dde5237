"""Regions on a grid: drawn label maps, and the phantom's lesions within the phantom's regions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.data.anatomy.phantom import draw_regions
from cxr_xai.data.anatomy.regions import HEART, LUNGS, Mask, Regions
from cxr_xai.data.evidence.regions import PLACE_OF, SIDE, RegionEvidence, draw_places
from cxr_xai.data.index import Index
from cxr_xai.data.phantom import PhantomSpec
from cxr_xai.data.phantom.draw import draw_study
from cxr_xai.data.phantom.render import render
from cxr_xai.data.transforms.geometry import make_affine, make_identity
from cxr_xai.findings import FINDINGS
from cxr_xai.types import Batch

K = {name: k for k, name in enumerate(FINDINGS)}


class Drawn:
    """Knows studies 0 and 1: lungs in the upper half, heart in the lower right quarter; it counts what is asked."""

    name = "drawn"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def known(self, image: Tensor, image_ids: Sequence[str]) -> Mask:
        return np.array([name in ("0.png", "1.png") for name in image_ids])

    def regions(self, image: Tensor, image_ids: Sequence[str]) -> Regions:
        self.asked += image_ids
        labels = np.zeros((len(image_ids), 64, 64), np.int64)
        labels[:, :32] = LUNGS[0]
        labels[:, 40:, 40:] = HEART
        return labels

    def fingerprint(self, image_id: str) -> str:
        return ""


def make_index() -> Index:
    positive = [("Effusion", "Hernia"), ("Cardiomegaly", "Mass"), ("Effusion",), ()]
    studies = pd.DataFrame({"image_id": [f"{n}.png" for n in range(4)], "patient_id": list("abcd")})
    for name in FINDINGS:
        studies[name] = [float(name in names) for names in positive]
    studies.loc[3, "Effusion"] = np.nan
    return Index("test", studies, pd.DataFrame(), {}, {})


def make_source(drawn: Drawn, matrices=lambda index, epoch: make_identity(len(index))) -> RegionEvidence:
    return RegionEvidence(make_index(), drawn, lambda rows: torch.zeros(len(rows), 1, 64, 64), matrices)


def make_batch(*rows: int) -> Batch:
    return Batch(torch.tensor(rows), torch.zeros(len(rows), 1, 64, 64), torch.zeros(len(rows), 14))


def test_positives_with_a_place_on_films_that_are_known() -> None:
    """A hernia has no place; 2 has no regions, 3 no positive, 9 is synthetic."""
    known = make_source(Drawn())(make_batch(9, 1, 3, 2, 0), (2, 2), 0)
    pairs = list(zip(known.row.tolist(), known.finding.tolist(), strict=True))
    assert pairs == [(1, K["Cardiomegaly"]), (1, K["Mass"]), (4, K["Effusion"])]
    heart, lungs = known.mask[0], known.mask[2]
    assert heart[1, 1] > 0.6
    assert heart[0].max() == 0
    assert lungs[0].tolist() == [1, 1]
    assert 0 < lungs[1, 0] < 0.2, "the pleura, three pixels of 32"
    assert lungs[1, 1] > heart[1, 1], "lung is seen through the heart"


def test_regions_are_asked_for_once_a_film() -> None:
    drawn = Drawn()
    source = make_source(drawn)
    first = source(make_batch(0, 1, 0), (4, 4), 0)
    again = source(make_batch(0, 1, 0, 2), (4, 4), 1)
    assert drawn.asked == ["0.png", "1.png"]
    assert torch.equal(first.mask, again.mask)


def test_nothing_known_is_no_pair() -> None:
    for rows in ((2, 3), (9,)):
        known = make_source(Drawn())(make_batch(*rows), (3, 3), 0)
        assert (len(known), known.mask.shape) == (0, (0, 3, 3))


def test_places_move_with_the_film() -> None:
    def flip(index: Tensor, epoch: int) -> Tensor:
        none, one = torch.zeros(len(index)), torch.ones(len(index))
        return make_affine(none, torch.zeros(len(index), 2), one, none, one.bool())

    still, flipped = (make_source(Drawn(), *options)(make_batch(1), (4, 4), 0) for options in ((), (flip,)))
    torch.testing.assert_close(still.mask.flip(2), flipped.mask)
    assert not torch.equal(still.mask, flipped.mask)


def test_findings_and_places() -> None:
    assert PLACE_OF.keys() == set(FINDINGS)
    assert [name for name, place in PLACE_OF.items() if place is None] == ["Hernia"]
    labels = np.full((128, 128), LUNGS[2])
    assert draw_places(labels).shape == (3, SIDE, SIDE)
    assert draw_places(labels).mean(axis=(1, 2)).tolist() == [0, 1, 1]


def test_the_phantoms_lesions_lie_in_their_places() -> None:
    """They are drawn by the same generator as the regions, but not from them."""
    spec, seen = PhantomSpec(0, 30, 4, 128, "enriched", 0.5), 0
    for patient in range(1, 31):
        study = draw_study(spec, patient, 0)
        places = draw_places(draw_regions(study, 128)).repeat(2, axis=1).repeat(2, axis=2)
        for name, mask in render(study, 128).masks.items():
            if (place := PLACE_OF.get(name)) is not None and mask.any():
                assert (mask & places[place]).sum() / mask.sum() > 0.98, (patient, name)
                seen += 1
        assert places.mean(axis=(1, 2)).max() < 0.75, "not all of the film"
    assert seen > 20
