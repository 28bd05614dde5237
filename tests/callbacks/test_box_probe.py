"""Boxed studies explained and scored: hand-made maps on boxes that their regions fill exactly."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from cxr_xai.callbacks.box_probe import SCORED, BoxProbe, choose_rows
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.box_halves import box_half
from cxr_xai.findings import INDEX
from cxr_xai.types import Explanation

Data = Callable[..., ChestXrayDataModule]
FITTING = (256, 512, 128, 256)  # of 1024: columns 8 to 12, rows 16 to 24 of 32
ELSEWHERE = (704, 64, 256, 128)
CPU = torch.device("cpu")


def patients_of(half: str, first: int = 5, last: int = 60) -> list[int]:
    return [patient for patient in range(first, last) if box_half(str(patient)) == half]


def test_a_map_that_peaks_in_its_box(boxed_data: Data, hand_made: Any, in_the_box: Tensor) -> None:
    patient = patients_of("sealed")[0]
    data = boxed_data([(patient, "Effusion", *FITTING)], patients=patient)
    probe = BoxProbe(data, hand_made({patient: {INDEX["Effusion"]: in_the_box}}), "sealed")
    explained = probe.explain(nn.Identity(), CPU, epoch=3)
    row = explained.scores.iloc[0]
    assert len(explained.scores) == 1
    assert (row["image_id"], row["finding"], row["explainer"]) == (f"{patient:08d}_000.png", "Effusion", "hand_made")
    assert (row["epoch"], row["half"], row["boxes"], row["dead"], row["prob"]) == (3, "sealed", 1, False, 0.5)
    assert explained.regions.tolist() == [[8.0, 16.0, 12.0, 24.0]]
    assert (row["pointing"], row["iou"], row["iobb"]) == (1.0, 1.0, 1.0)
    assert row["ceiling_iou"] == pytest.approx(1, abs=1e-6)
    # Across, the cell's mass is 3 of 4 inside; down, 7 of 8 for two cells. The box is 32 of 1024 pixels.
    assert row["energy"] == pytest.approx(3 / 4 * 7 / 8)
    assert row["energy_ratio"] == pytest.approx(3 / 4 * 7 / 8 * 32)
    assert row["energy"] <= row["ceiling_energy"] < 1


def test_several_boxes_of_one_finding_are_one_pair(boxed_data: Data, hand_made: Any, in_the_box: Tensor) -> None:
    patient = patients_of("sealed")[0]
    boxes = [(patient, finding, *box) for finding in ("Mass", "Effusion") for box in (ELSEWHERE, FITTING)]
    maps = {patient: {INDEX["Mass"]: in_the_box}}
    scores = BoxProbe(boxed_data(boxes, patients=patient), hand_made(maps), "sealed").explain(None, CPU, 0).scores
    assert scores[["finding", "boxes"]].to_numpy().tolist() == [["Effusion", 2], ["Mass", 2]]
    mass = scores.set_index("finding").loc["Mass"]
    assert (mass["pointing"], mass["iou"]) == (1.0, 1.0), "IoU is that of the better box"
    assert mass["energy"] == pytest.approx(21 / 32), "the other box holds none of the map"
    assert mass["mask_iou"] < 0.5, "against the union"


def test_residuals_stay_with_their_pair(boxed_data: Data, hand_made: Any, in_the_box: Tensor) -> None:
    first, second = patients_of("sealed")[:2]
    data = boxed_data([(p, "Mass", *FITTING) for p in (first, second)], patients=second)
    explainer = hand_made({p: {INDEX["Mass"]: in_the_box} for p in (first, second)})
    assert BoxProbe(data, explainer, "sealed").explain(None, CPU, 0).scores["residual"].isna().all(), "none promised"
    explain = explainer.explain

    def with_residual(model: Any, image: Tensor) -> Explanation:
        out = explain(model, image)
        return Explanation(out.attribution, out.logits, out.attribution.sum((2, 3)) * len(image))

    explainer.explain = with_residual
    scores = BoxProbe(data, explainer, "sealed").explain(None, CPU, 0).scores
    assert scores["residual"].tolist() == [2 * float(in_the_box.sum())] * 2


def test_a_dead_map_is_said_and_scores_nothing(boxed_data: Data, hand_made: Any, in_the_box: Tensor) -> None:
    first, second = patients_of("monitored")[:2]
    data = boxed_data([(p, "Mass", *FITTING) for p in (first, second)], patients=second)
    maps = {first: {INDEX["Mass"]: torch.ones(8, 8)}, second: {INDEX["Mass"]: in_the_box}}
    explained = BoxProbe(data, hand_made(maps), "monitored").explain(None, CPU, 0)
    assert explained.scores["dead"].tolist() == [True, False]
    assert explained.scores.loc[0, list(SCORED)].isna().all()
    assert explained.scores.loc[1, list(SCORED)].notna().all()
    assert np.isnan(explained.regions[0]).all()
    assert explained.scores["ceiling_iou"].notna().all(), "the ceiling does not depend on the map"


def test_the_prior_needs_twenty_other_patients(boxed_data: Data, hand_made: Any) -> None:
    boxed = [(p, "Effusion", *FITTING) for p in range(5, 26)] + [(p, "Mass", *FITTING) for p in range(5, 25)]
    probe = BoxProbe(boxed_data(boxed, patients=25), hand_made({}), "sealed")
    references = probe.references((8, 8))
    effusion = (probe.pairs.table["finding"] == "Effusion").to_numpy()
    assert 0 < effusion.sum() < len(effusion)
    # All others' boxes are this one, and it fills whole cells: the prior is as good as a map can be.
    assert references.loc[effusion, ["prior_pointing", "prior_iou"]].eq(1).all(axis=None)
    assert references.loc[effusion, "prior_energy"].to_numpy() == pytest.approx(21 / 32)
    assert references.loc[~effusion, ["prior_pointing", "prior_energy", "prior_iou"]].isna().all(axis=None)
    assert references["ceiling_iou"].to_numpy() == pytest.approx(1)
    assert probe.references((8, 8)) is references, "computed once per grid"


def test_each_study_is_explained_once_and_maps_stay_with_their_study(
    boxed_data: Data, hand_made: Any, in_the_box: Tensor
) -> None:
    sealed = patients_of("sealed")[:4]
    boxed = [(p, finding, *FITTING) for p in reversed(sealed) for finding in ("Nodule", "Mass")]
    explainer = hand_made({sealed[2]: {INDEX["Nodule"]: in_the_box}})
    data = boxed_data([*boxed, (1, "Mass", *FITTING)], patients=sealed[-1])
    explained = BoxProbe(data, explainer, "sealed").explain(None, CPU, 0)
    assert explainer.batches == [sealed[:3], sealed[3:]]
    assert explained.rows.tolist() == [patient - 1 for patient in sealed]
    assert explained.attribution.shape == (4, 14, 8, 8)
    alive = explained.scores[~explained.scores["dead"]]
    assert alive[["patient_id", "finding"]].to_numpy().tolist() == [[str(sealed[2]), "Nodule"]]


def test_halves_share_no_study_and_a_budget_holds(boxed_data: Data, hand_made: Any) -> None:
    data = boxed_data([(p, "Mass", *FITTING) for p in range(1, 21)], patients=20)
    rows = {half: BoxProbe(data, hand_made({}), half).rows for half in ("monitored", "sealed")}
    assert sorted(np.concatenate(list(rows.values()))) == list(range(4, 20)), "boxed test studies alone"
    few = BoxProbe(data, hand_made({}), "sealed", max_studies=2)
    assert len(few.rows) == len(few.pairs.table) == 2
    assert set(few.rows) <= set(rows["sealed"])


def test_rows_are_chosen_by_hash() -> None:
    names = pd.Series([f"{number}.png" for number in range(40)])
    rows = np.arange(5, 35)
    chosen = choose_rows(names, rows, 10)
    assert len(chosen) == 10
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(rows)
    assert set(choose_rows(names, rows, 4)) <= set(chosen), "a smaller budget is a part of a larger one"
    # The same names at other places of another table: the same studies.
    turned = names[::-1].reset_index(drop=True)
    again = choose_rows(turned, np.sort(39 - rows), 10)
    assert set(turned.iloc[again]) == set(names.iloc[chosen])


@pytest.mark.parametrize("budget", [None, 3, 4])
def test_a_budget_that_is_not_reached_takes_all(budget: int | None) -> None:
    rows = np.array([1, 4, 6])
    assert choose_rows(pd.Series(list("abcdefgh")), rows, budget).tolist() == [1, 4, 6]
