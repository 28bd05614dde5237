import torch

from cxr_xai.metrics.map_thresholds.cross_fitted import LEVELS, cross_fit, fold_of

PATIENTS = [str(n) for n in range(200)]


def iou_best_at(position: int, rows: int) -> torch.Tensor:
    iou = torch.full((rows, len(LEVELS)), 0.2)
    iou[:, position] = 0.8
    return iou


def test_each_finding_has_the_level_that_was_best_on_other_patients() -> None:
    iou = torch.cat([iou_best_at(2, 100), iou_best_at(6, 100)])
    chosen = cross_fit(iou, ["Mass"] * 100 + ["Nodule"] * 100, PATIENTS)
    assert chosen.tolist() == [2] * 100 + [6] * 100


def test_the_judged_patient_and_its_fold_have_no_say() -> None:
    iou = iou_best_at(2, 200)
    before = cross_fit(iou, ["Mass"] * 200, PATIENTS)
    own = torch.tensor([fold_of(patient) == fold_of("7") for patient in PATIENTS])
    iou[own] = iou_best_at(8, int(own.sum()))
    after = cross_fit(iou, ["Mass"] * 200, PATIENTS)
    assert after[own].tolist() == before[own].tolist() == [2] * int(own.sum())


def test_a_patients_boxes_share_a_fold_whatever_the_finding() -> None:
    # the only other box is of the same patient: nothing to learn from, hence one half
    iou = iou_best_at(0, 2)
    assert cross_fit(iou, ["Mass", "Nodule"], ["a", "a"]).tolist() == [LEVELS.index(0.5)] * 2


def test_few_patients_look_at_all_findings_and_dead_maps_say_nothing() -> None:
    iou = torch.cat([iou_best_at(3, 150), iou_best_at(7, 10), torch.full((40, len(LEVELS)), torch.nan)])
    chosen = cross_fit(iou, ["Mass"] * 150 + ["Nodule"] * 50, PATIENTS)
    assert set(chosen.tolist()) == {3}


def test_of_equal_levels_the_nearest_to_one_half() -> None:
    assert set(cross_fit(torch.ones(200, len(LEVELS)), ["Mass"] * 200, PATIENTS).tolist()) == {LEVELS.index(0.5)}
