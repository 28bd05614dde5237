"""Cards travel through JSON unchanged, and tables refuse to mix them."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from cxr_xai.artifacts.protocol import (
    FOLDS,
    MEAN,
    NamedFile,
    ProtocolCard,
    difference,
    flatten_card,
    read_card,
    require_same_protocol,
)
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

CARD = ProtocolCard(
    source="nih",
    about={},
    data_sha256="a" * 64,
    split="kfold",
    split_about={"k": 5, "fold": 2, "seed": 0},
    split_sha256="b" * 64,
    images=112_120,
    missing=0,
    test_images=22_424,
    test_missing=0,
    label_file=NamedFile("Data_Entry_2017_v2020.csv", "c" * 64),
    findings=FINDINGS,
    mean=MEAN,
    mean_over=14,
    box_list=NamedFile("BBox_List_2017.csv", "d" * 64),
    box_rule={"threshold": 0.5, "rule": "all", "resize": "bilinear"},
    threshold_source="val",
    calibration="none",
    uses_of_boxes="monitored",
)
OTHER: dict[str, Any] = {
    "source": "phantom",
    "about": {"shortcut_strength": 0.5},
    "data_sha256": "e" * 64,
    "split": "patient",
    "split_about": {"k": 10, "fold": 2, "seed": 0},
    "split_sha256": "e" * 64,
    "images": 1,
    "missing": 2,
    "test_images": 3,
    "test_missing": 4,
    "label_file": NamedFile("Data_Entry_2017.csv", "c" * 64),
    "findings": FINDINGS[:8],
    "mean": "micro",
    "mean_over": 13,
    "box_list": None,
    "box_rule": {"threshold": 0.5, "rule": "largest", "resize": "bilinear"},
    "threshold_source": "test",
    "calibration": "platt, val",
    "uses_of_boxes": "trained on",
    "tta": "mean logit of views",
    "labels": "adjudicated",
}


@pytest.mark.parametrize("card", [CARD, replace(CARD, box_list=None)], ids=["boxes", "none"])
def test_a_card_comes_back_from_json(card: ProtocolCard) -> None:
    assert read_card(json.loads(json.dumps(card.as_dict()))) == card


def test_results_without_a_card_say_so() -> None:
    with pytest.raises(UserError, match="lacks data_sha256; run their training command again"):
        read_card({"source": "nih", "about": {}})


@pytest.mark.parametrize("name", [field.name for field in fields(ProtocolCard)])
def test_every_field_is_compared_and_named(name: str) -> None:
    other = replace(CARD, **{name: OTHER[name]})
    with pytest.raises(UserError, match=rf"^one and two have different protocols: {name}.* in one .*in the other"):
        require_same_protocol({"one": CARD, "two": other})
    require_same_protocol({"one": CARD, "two": other}, but=(name,))


def test_the_error_names_field_and_both_values() -> None:
    other = replace(CARD, label_file=NamedFile("Data_Entry_2017.csv", "e" * 64))
    assert difference(CARD, other) == ("label_file.name", "Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
    with pytest.raises(UserError, match=r"label_file\.sha256 is cccccccc in one and eeeeeeee in the other"):
        require_same_protocol({"one": CARD, "two": other}, but=("label_file.name",))
    unboxed = replace(CARD, box_list=None)
    with pytest.raises(UserError, match=r"box_list\.name is BBox_List_2017\.csv in one and absent in the other"):
        require_same_protocol({"one": CARD, "two": CARD, "three": unboxed})


def test_folds_of_one_division_differ_in_the_fold_only() -> None:
    fold = replace(CARD, split_about={**CARD.split_about, "fold": 3}, split_sha256="f" * 64, test_images=22_425)
    require_same_protocol({"fold 2": CARD, "fold 3": fold}, but=FOLDS)
    with pytest.raises(UserError, match=r"split_about\.fold is 2 in one and 3 in the other"):
        require_same_protocol({"fold 2": CARD, "fold 3": fold})
    with pytest.raises(UserError, match=r"split_about\.seed"):
        require_same_protocol({"a": CARD, "b": replace(fold, split_about={"k": 5, "fold": 3, "seed": 1})}, but=FOLDS)
    assert set(FOLDS) <= set(flatten_card(CARD)), "every exception is a field"


def test_none_and_one_have_one_protocol() -> None:
    require_same_protocol({})
    require_same_protocol({"alone": CARD})


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"split": "official", "split_about": {"seed": 0}}, "nih, split official"),
        ({"split": "all films", "split_about": {}}, "nih, all films"),
        ({}, "nih, split kfold (k=5, fold=2)"),
        ({"missing": 100, "test_missing": 22_401}, "nih, split kfold (k=5, fold=2), partial: 23 of 22,424 test images"),
        ({"missing": 120}, "nih, split kfold (k=5, fold=2), partial: 112,000 of 112,120 images"),
    ],
)
def test_labels(changes: dict[str, Any], label: str) -> None:
    card = replace(CARD, **changes)
    assert card.label == card.as_dict()["label"] == label
    assert card.complete == ("partial" not in label)


def test_words_say_the_rest() -> None:
    words = "; ".join(CARD.words)
    for fact in (
        "labels Data_Entry_2017_v2020.csv (cccccccc)",
        "mean macro over the defined findings, 14 of 14",
        "thresholds from val",
        "calibration none",
        "boxes BBox_List_2017.csv (dddddddd), monitored; region ≥ 0.5 of the maximum, box around all, resized bilinear",
    ):
        assert fact in words
    assert replace(CARD, box_list=None).words[-1] == "no boxes"


def test_words_tell_by_which_rules_labels_of_another_source_became_ours() -> None:
    about = {"labels": "mined from reports", "uncertain": "ones", "blank": "zero", "crosswalk": "implied + same"}
    words = replace(CARD, about=about).words[0]
    assert words.endswith(", mined from reports, uncertain ones, blank zero, crosswalk implied + same")
    assert replace(CARD, about=about | {"uncertain": "zeros"}).words != replace(CARD, about=about).words
    assert "crosswalk" not in CARD.words[0]
