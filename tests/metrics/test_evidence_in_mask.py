"""Evidence inside a set of pixels, by hand."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.errors import UserError
from cxr_xai.metrics.evidence_in_mask import energy_ceiling_in_mask, evidence_in_mask, usual_place
from cxr_xai.metrics.scoring import score_maps

CORNER = torch.zeros(1, 4, 4, dtype=torch.bool)
CORNER[0, :2, :2] = True


def test_by_hand() -> None:
    raw = torch.zeros(1, 4, 4)
    raw[0, 0, 0], raw[0, 3, 3], raw[0, 3, 0] = 3.0, 1.0, -9.0
    found = evidence_in_mask(raw, CORNER)
    assert found["pointing"].item() == 1
    assert found["energy"].item() == pytest.approx(0.75)  # negative evidence is none
    assert found["share"].item() == 0.25
    assert found["energy_ratio"].item() == pytest.approx(3)
    assert found["mask_iou"].item() == 0.25  # one pixel of four


def test_an_even_map_is_dead_and_a_nearly_even_one_has_the_share() -> None:
    even = torch.ones(1, 4, 4)
    assert evidence_in_mask(even, CORNER)["dead"].item()
    assert evidence_in_mask(even, CORNER)["energy"].isnan().item()
    even[0, 0, 0] += 1e-3
    assert evidence_in_mask(even, CORNER)["energy"].item() == pytest.approx(0.25, abs=1e-3)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(UserError, match="mask 1 of 2 is empty"):
        evidence_in_mask(torch.rand(2, 4, 4), torch.cat([CORNER, ~CORNER & CORNER]))


@given(st.integers(0, 10_000))
def test_a_mask_that_is_a_box_is_scored_as_the_box(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(3, 5, 5, generator=generator)
    boxes = torch.tensor([[2.0, 3, 9, 11]]).expand(3, 4)
    masks = torch.zeros(3, 16, 16, dtype=torch.bool)
    masks[:, 3:11, 2:9] = True
    found, known = evidence_in_mask(maps, masks), score_maps(maps, boxes, 16)
    for key in ("pointing", "energy", "energy_ratio", "mask_iou", "dead"):
        torch.testing.assert_close(found[key], known[key], equal_nan=True)


def test_the_ceiling_of_a_fine_grid_asks_for_profiles_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, asked = torch.eye, []

    def eye(n: int, **options: Any) -> torch.Tensor:
        asked.append(n)
        return plain(n, **options)

    monkeypatch.setattr(torch, "eye", eye)
    masks = torch.zeros(2, 32, 32, dtype=torch.bool)
    masks[0, 3:9, 4:20] = masks[1, 30, 31] = True
    ceiling = energy_ceiling_in_mask(masks, (16, 16))
    assert max(asked) == 16, "not 256"
    assert ceiling[0] == 1, "a cell's whole light falls inside"
    lit = torch.zeros(1, 16, 16)
    lit[0, 15, 15] = 1
    assert ceiling[1] == evidence_in_mask(lit, masks[1:])["energy"][0]


def test_the_usual_place_leaves_the_patient_out() -> None:
    masks = torch.tensor([[[True, False]], [[True, True]], [[False, True]]])
    assert usual_place(masks, ["a", "a", "b"], "a", min_patients=1).tolist() == [[0.0, 1.0]]
    assert usual_place(masks, ["a", "a", "b"], "c", min_patients=2).tolist() == [[pytest.approx(2 / 3)] * 2]
    assert usual_place(masks, ["a", "a", "b"], "c", min_patients=3).isnan().all()


@given(st.integers(0, 10_000))
def test_no_map_of_a_grid_has_more_evidence_inside_than_its_ceiling(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(2, 12, 12, generator=generator) > 0.8
    maps = torch.rand(2, 3, 3, generator=generator) ** 8
    found = evidence_in_mask(maps, masks)["energy"]
    ceiling = energy_ceiling_in_mask(masks, (3, 3))
    assert (found <= ceiling + 1e-5).all()
    alone = torch.eye(9).view(9, 3, 3)
    reached = evidence_in_mask(alone, masks[:1].expand(9, 12, 12))["energy"].max()
    torch.testing.assert_close(reached, ceiling[0])
