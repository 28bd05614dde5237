"""Every use of boxes is named, and counted by patient."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cxr_xai.artifacts.protocol import require_same_protocol
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.evidence.boxes import annotated
from cxr_xai.data.readers.phantom import PhantomReader
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.patient import PatientSplit
from cxr_xai.errors import UserError
from cxr_xai.experiments.box_uses import count_shared, describe_score, describe_uses, rows_by_use
from cxr_xai.experiments.certify import make_card, make_certificate
from cxr_xai.report.published import why_not

Data = Callable[[float], ChestXrayDataModule]
SCORED = {"selection": {"weight": 0.75, "localization": "iou"}}
CHOSEN = {**SCORED, "checkpoint": {"monitor": "selection/score", "mode": "max"}}
BOXES = {"guidance": {"needs": "boxes", "annotated_fraction": 1.0}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """``data(share)``: a phantom of 54 patients, that share of val's boxed ones set aside."""
    root = tmp_path_factory.mktemp("phantom")
    reader = PhantomReader(train_val_patients=30, test_patients=24, film_size=64)

    def build(share: float) -> ChestXrayDataModule:
        return ChestXrayDataModule(root, reader, PatientSplit(selection=share), image_size=64)

    return build


def uses(data: ChestXrayDataModule, callbacks: dict[str, Any], **settings: Any) -> str:
    settings = {"callbacks": callbacks, **settings}
    return describe_uses(data, settings, rows_by_use(data, settings))


def counted(data: ChestXrayDataModule, rows: np.ndarray) -> str:
    studies = data.index.studies.iloc[rows]
    boxes = sum(data.index.boxes["image_id"].isin(studies["image_id"]))
    return f"{boxes} boxes of {studies['patient_id'].nunique()} patients"


def test_without_a_fold_uses_are_what_they_were(data: Data) -> None:
    plain = data(0.0)
    assert uses(plain, {"explain": {"x": 1}}) == uses(plain, {"explain": {"x": 1}, **SCORED}) == "monitored"
    assert uses(plain, {}) == uses(plain, SCORED) == "none", "there is nothing to watch"
    assert set(rows_by_use(plain, {"callbacks": {}, "guidance": {"needs": None}})) == {"monitored", "sealed"}
    assert describe_score({"callbacks": SCORED}, rows_by_use(plain, {})) == {}


def test_all_uses_are_named_in_one_order(data: Data) -> None:
    apart = data(0.6)
    train, fold = apart.guided_rows(1.0), apart.boxed_rows("selection")
    assert uses(apart, SCORED) == "monitored", "watched, and nothing chosen by it"
    assert uses(apart, CHOSEN) == f"selected by ({counted(apart, fold)})"
    assert uses(apart, {}, **BOXES) == f"trained on ({counted(apart, train)} of train)"
    assert uses(apart, {"explain": {"x": 1}, **CHOSEN}, **BOXES) == (
        f"monitored, trained on ({counted(apart, train)} of train), selected by ({counted(apart, fold)})"
    )


@pytest.mark.parametrize("guidance", [{"needs": "body"}, {"needs": "regions"}, {"needs": None}, {}, None])
def test_guidance_without_boxes_trains_on_none(data: Data, guidance: Any) -> None:
    assert uses(data(0.0), {}, guidance=guidance) == "none"
    assert uses(data(0.0), {}, guidance={"needs": "boxes", "annotated_fraction": 0}) == "none"


def test_a_fraction_uses_whole_patients_of_train(data: Data) -> None:
    plain = data(0.0)
    everyone = plain.guided_rows(1.0)
    owners = plain.index.studies["patient_id"].to_numpy(str)
    assert (plain.split.part[everyone] == "train").all()
    assert plain.guided_rows(0.0).tolist() == []
    half = plain.guided_rows(0.5)
    assert half.tolist() == [row for row in everyone if annotated(owners[row], 0.5)]
    assert set(plain.guided_rows(0.1)) <= set(half) < set(everyone)


def test_no_patient_is_in_two_uses_and_one_who_were_is_counted(data: Data) -> None:
    rows = rows_by_use(data(0.6), {"callbacks": {}, **BOXES})
    assert set(rows) == {"monitored", "sealed", "trained", "selection"}
    assert all(len(rows[use]) for use in ("sealed", "trained", "selection"))
    assert count_shared(data(0.6), rows) == 0
    assert count_shared(data(0.6), {**rows, "trained": np.append(rows["trained"], rows["sealed"][0])}) == 1


def test_boxes_choose_nothing_where_none_are_set_aside(data: Data) -> None:
    with pytest.raises(UserError, match=r"monitor=selection/score: this split has no boxed studies.*split\.selection"):
        uses(data(0.0), CHOSEN)


def test_the_certificate_and_the_card_carry_them(data: Data) -> None:
    apart = data(0.6)
    deciding = {
        "explainer": {"_target_": "cxr_xai.explainers.exact_cam.ExactCam"},
        "calibration": {"_target_": "cxr_xai.metrics.calibration.platt.Platt"},
        "threshold": {"_target_": "cxr_xai.metrics.thresholds.f1.BestF1"},
    }
    cards = []
    for callbacks in ({"explain": {"x": 1}, **SCORED}, {"explain": {"x": 1}, **CHOSEN}):
        certificate = make_certificate(apart, {"seed": 0, "callbacks": callbacks, **deciding}, "c0ffee")
        cards.append(make_card(certificate, 14))
        boxes = certificate["boxes"]
        assert boxes["selection_studies"] == len(apart.boxed_rows("selection"))
        assert boxes["overlap"] == 0
        assert boxes["selection_score"] == "0.75 × macro AUROC on val + 0.25 × mean iou in the boxes"
        assert certificate["split"]["about"]["selection"] == 0.6
        assert certificate["split"]["images"]["selection"] == len(apart.split.rows("selection"))
    assert cards[1].uses_of_boxes.startswith("monitored, selected by (")
    with pytest.raises(UserError, match=r"different protocols: uses_of_boxes is monitored.*selected by \("):
        require_same_protocol({"plain": cards[0], "chosen": cards[1]})
    official = {"source": "nih", "split": "official", "missing": 0, "test_missing": 0}
    assert why_not(replace(cards[0], **official)) is None
    assert "chose its epoch" in str(why_not(replace(cards[1], **official)))


def test_other_shares_are_other_protocols(data: Data) -> None:
    hashes = {data(share).split.hash for share in (0.0, 0.3, 0.6)}
    assert len(hashes) == 3
    assert OfficialSplit().split(data(0.0).index).parts == ("train", "val", "test")
