from dataclasses import replace

import numpy as np
import pytest

from cxr_xai.artifacts.protocol import MEAN, NamedFile, ProtocolCard
from cxr_xai.findings import FINDINGS
from cxr_xai.report.published import (
    published_boxes,
    published_means,
    read_published,
    wang_by_finding,
    why_no_boxes,
    why_not,
)

CARD = ProtocolCard(
    source="nih",
    about={},
    data_sha256="a" * 64,
    split="official",
    split_about={"seed": 0},
    split_sha256="b" * 64,
    images=112_120,
    missing=0,
    test_images=25_596,
    test_missing=0,
    label_file=NamedFile("Data_Entry_2017_v2020.csv", "c" * 64),
    findings=FINDINGS,
    mean=MEAN,
    mean_over=14,
    box_list=None,
    box_rule={"threshold": 0.5, "rule": "all", "resize": "bilinear"},
    threshold_source="val",
    calibration="none",
    uses_of_boxes="monitored",
)


def test_wang_has_all_findings_and_their_mean() -> None:
    values = wang_by_finding()
    assert set(values) == set(FINDINGS)
    means = published_means("official")
    stated = means.loc[means["source"] == "Wang et al.", "value"].item()
    assert stated == 0.745
    assert np.mean(list(values.values())) == pytest.approx(stated, abs=0.0005)


def test_every_row_is_complete_and_possible() -> None:
    table = read_published()
    auroc = table[table["metric"] == "auroc"]
    assert auroc["value"].between(0.5, 1).all()
    assert set(auroc["finding"]) == {"mean", *FINDINGS}
    assert table["year"].between(2017, 2030).all()
    assert set(table["protocol"]) == {"official", "random"}
    assert not table.duplicated(["source", "year", "model", "metric", "finding"]).any()


def test_random_splits_are_kept_apart() -> None:
    assert set(published_means("random")["source"]) == {"CheXNet", "AG-CNN", "SynthEnsemble"}
    assert published_means("official")["value"].max() == 0.834


def test_published_localization_falls_with_its_threshold() -> None:
    values = list(published_boxes().values())
    assert len(values) == 7
    assert values[0] == 0.568
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"source": "phantom"}, "on the source “phantom”"),
        ({"split": "patient"}, "on the split “patient”"),
        ({"missing": 3}, "partial"),
        ({"test_missing": 1}, "25,595 of 25,596 images in the test set"),
        ({"mean_over": 13}, "this run's over 13 of 14"),
        ({"findings": FINDINGS[:8], "mean_over": 8}, "this run's over 8 of 8"),
        ({"uses_of_boxes": "monitored, cross-fitted"}, None),
        ({"uses_of_boxes": "monitored, trained on (9 boxes of 8 patients of train)"}, "took part in training"),
        ({"uses_of_boxes": "monitored, selected by (9 boxes of 8 patients), cross-fitted"}, "chose its epoch"),
    ],
)
def test_only_the_same_protocol_may_stand_beside_them(changes: dict[str, object], words: str | None) -> None:
    reason = why_not(replace(CARD, **changes))
    assert reason is None if words is None else words in str(reason)


def test_weights_that_may_have_seen_the_films_close_the_literature() -> None:
    assert "may have seen these films (unknown)" in str(why_not(CARD, ["unknown"]))
    assert why_no_boxes(CARD, ["unknown"]) == why_not(CARD, ["unknown"])


def test_published_localization_stands_beside_its_own_rule_only() -> None:
    assert "by another rule" in str(why_no_boxes(CARD))
    assert why_no_boxes(replace(CARD, box_rule={"threshold": 0.24, "rule": "wang2017"})) is None
    assert why_no_boxes(replace(CARD, source="phantom")) == why_not(replace(CARD, source="phantom"))
