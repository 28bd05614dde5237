"""Boxes on a grid: by hand where nothing moves, against warped pixel masks where something does."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cxr_xai.data.evidence.boxes import BoxEvidence, annotated, cover_boxes
from cxr_xai.data.index import Index
from cxr_xai.data.transforms.geometry import make_affine, make_identity, warp_masks
from cxr_xai.data.transforms.standard import StandardTransform
from cxr_xai.findings import FINDINGS
from cxr_xai.types import Batch

STILL = make_identity(1)


def cover(*boxes: tuple[float, ...], grid: tuple[int, int] = (2, 2), matrices: Tensor = STILL) -> Tensor:
    """Boxes of one finding, xyxy as fractions of the film."""
    return cover_boxes(torch.tensor([boxes]) * 2 - 1, matrices, grid)[0]


def test_by_hand() -> None:
    assert cover((0.0, 0.0, 0.5, 0.5)).tolist() == [[1, 0], [0, 0]]
    assert cover((0.25, 0.0, 0.75, 0.25)).tolist() == [[0.25, 0.25], [0, 0]]
    assert cover((0.0, 0.0, 1.0, 1.0), grid=(3, 5)).tolist() == [[1] * 5] * 3
    assert cover((0.5, 0.75, 1.0, 1.0), grid=(4, 2)).tolist() == [[0, 0], [0, 0], [0, 0], [0, 1]]


def test_boxes_that_overlap_are_a_union() -> None:
    assert cover((0.0, 0.0, 0.5, 1.0), (0.25, 0.0, 0.5, 1.0)).tolist() == [[1, 0], [1, 0]]
    assert cover((0.0, 0.0, 0.25, 1.0), (0.75, 0.0, 1.0, 1.0)).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_padding_covers_nothing() -> None:
    assert cover((0.0, 0.0, 0.5, 0.5), (float("nan"),) * 4).tolist() == [[1, 0], [0, 0]]


def test_a_flip_and_a_quarter_turn_move_the_box() -> None:
    zero, one = torch.zeros(1), torch.ones(1)
    flip = make_affine(zero, torch.zeros(1, 2), one, zero, torch.ones(1, dtype=torch.bool))
    assert cover((0.0, 0.0, 0.5, 0.5), matrices=flip).tolist() == [[0, 1], [0, 0]]
    turn = make_affine(one * 90, torch.zeros(1, 2), one, zero, torch.zeros(1, dtype=torch.bool))
    assert cover((0.0, 0.0, 0.5, 0.5), matrices=turn).tolist() == [[0, 0], [1, 0]], "counter-clockwise"


@given(
    degrees=st.floats(-180, 180),
    shift=st.tuples(st.floats(-0.25, 0.25), st.floats(-0.25, 0.25)),
    scale=st.floats(0.6, 1.6),
    shear=st.floats(-20, 20),
    flip=st.booleans(),
    corners=st.tuples(st.floats(0, 0.7), st.floats(0, 0.7), st.floats(0.1, 0.3), st.floats(0.1, 0.3)),
)
def test_as_a_warped_mask_of_pixels(
    degrees: float, shift: tuple[float, float], scale: float, shear: float, flip: bool, corners: tuple[float, ...]
) -> None:
    matrices = make_affine(
        torch.tensor([degrees]),
        torch.tensor([shift]),
        torch.tensor([scale]),
        torch.tensor([shear]),
        torch.tensor([flip]),
    )
    x, y, w, h = corners
    size = 448
    centers = (torch.arange(size) + 0.5) / size
    column, row = (centers >= x) & (centers < x + w), (centers >= y) & (centers < y + h)
    mask = (row[:, None] & column[None, :])[None, None]
    expected = warp_masks(mask, matrices)[0, 0].float().view(7, 64, 7, 64).mean(dim=(1, 3))
    found = cover((x, y, x + w, y + h), grid=(7, 7), matrices=matrices)
    # Four edges of up to a cell's length, each placed to within half a sample of ours and half a pixel of the mask's.
    assert (found - expected).abs().max() < 0.12
    assert (found.mean() - expected.mean()).abs() < 0.004


def make_index(targets: dict[int, tuple[str, ...]], boxes: list[tuple[int, str, tuple[float, ...]]]) -> Index:
    rows = range(4)
    studies = pd.DataFrame({"image_id": [f"{n}.png" for n in rows], "patient_id": [str(n) for n in rows]})
    for name in FINDINGS:
        studies[name] = [float(name in targets.get(n, ())) for n in rows]
    table = pd.DataFrame(
        [(f"{n}.png", str(n), name, *corners) for n, name, corners in boxes],
        columns=["image_id", "patient_id", "finding", "x0", "y0", "x1", "y1"],
    )
    return Index("test", studies, table, {}, {})


LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
INDEX = make_index(
    {0: ("Mass", "Effusion"), 1: ("Mass",), 2: ("Nodule",), 3: ()},
    [(0, "Mass", LEFT), (1, "Mass", LEFT), (1, "Mass", RIGHT), (2, "Nodule", RIGHT), (3, "Nodule", LEFT)],
)


def make_batch(*rows: int) -> Batch:
    return Batch(torch.tensor(rows), torch.zeros(len(rows), 1, 8, 8), torch.zeros(len(rows), 14))


def test_pairs_are_boxed_positives_of_chosen_studies() -> None:
    """Effusion of 0 has no box: unknown. 3 is no positive. 2 is not chosen, 4 is synthetic."""
    source = BoxEvidence(INDEX, np.array([0, 1, 3]), lambda index, epoch: make_identity(len(index)))
    assert len(source) == 2
    known = source(make_batch(4, 1, 3, 0, 2, 1), (1, 2), 0)
    mass = FINDINGS.index("Mass")
    assert list(zip(known.row.tolist(), known.finding.tolist(), strict=True)) == [(1, mass), (3, mass), (5, mass)]
    assert known.mask.tolist() == [[[1, 1]], [[1, 0]], [[1, 1]]]


def test_a_batch_without_boxes_has_no_pairs() -> None:
    source = BoxEvidence(INDEX, np.array([0]), StandardTransform().matrices)
    known = source(make_batch(1, 2, 4), (3, 3), 0)
    assert len(known) == 0
    assert known.mask.shape == (0, 3, 3)
    assert len(BoxEvidence(INDEX, np.array([], np.int64), StandardTransform().matrices)) == 0


def test_each_pair_moves_with_its_own_film_and_epoch() -> None:
    transform = StandardTransform(rotation=180, seed=3)
    source = BoxEvidence(INDEX, np.array([0, 2]), transform.matrices)
    for epoch in (0, 1):
        known = source(make_batch(2, 0), (5, 5), epoch)
        for pair, (row, corners) in enumerate(((2, RIGHT), (0, LEFT))):
            moved = transform.matrices(torch.tensor([row]), epoch)
            torch.testing.assert_close(known.mask[pair], cover(corners, grid=(5, 5), matrices=moved))


def test_a_box_out_of_view_is_unknown() -> None:
    away: Any = lambda index, epoch: torch.tensor([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]]).repeat(len(index), 1, 1)  # noqa: E731
    known = BoxEvidence(INDEX, np.array([0, 2]), away)(make_batch(0, 2), (2, 2), 0)
    assert known.row.tolist() == [0]
    assert known.mask.tolist() == [[[0, 1], [0, 1]]]


def test_fractions_are_nested_and_about_as_large_as_they_say() -> None:
    patients = [str(n) for n in range(20_000)]
    chosen = [{p for p in patients if annotated(p, fraction)} for fraction in (0, 0.01, 0.1, 1)]
    assert chosen[0] < chosen[1] < chosen[2] < chosen[3]
    assert [len(one) for one in chosen] == pytest.approx([0, 200, 2000, 20_000], abs=130)  # 3 standard deviations
