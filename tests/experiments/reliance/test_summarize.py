"""Reliance by hand: a marker that gives Pneumonia away."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.reliance.measure import ALL
from cxr_xai.experiments.reliance.summarize import flatten_reliance, summarize_reliance, widen_reliance
from cxr_xai.findings import FINDINGS, INDEX

STUDIES = 40
PNEUMONIA = INDEX["Pneumonia"]


def make_table(drains: bool = True) -> pd.DataFrame:
    """One study a patient; the even ones have Pneumonia and a marker that raises its probability from .2 to .6.

    Without the marker its logit is that of the absent ones, so that AUROC falls from 1 to .5. Every tenth has a drain
    that moves nothing.
    """
    parts = []
    for n in range(STUDIES):
        ill = n % 2 == 0
        target = np.zeros(14)
        target[PNEUMONIA], target[0] = ill, n < 20
        logit = np.zeros(14)
        logit[PNEUMONIA], logit[0] = float(ill), -n
        bare = logit.copy()
        bare[PNEUMONIA] = 0
        moved = np.where(np.arange(14) == PNEUMONIA, 0.6 if ill else 0.2, 0.3)
        without = np.where(np.arange(14) == PNEUMONIA, 0.2, 0.3)
        sets = {"marker": (bare, without)} if ill else {}
        sets |= {"drain": (logit, moved)} if drains and n % 10 == 0 else {}
        for shortcut, (left, prob) in (sets | {ALL: (bare, without)}).items():
            row = {"image_id": f"{n:03d}", "patient_id": f"p{n}", "shortcut": shortcut, "finding": FINDINGS}
            row |= {"target": target, "logit": logit, "logit_without": left, "prob": moved, "prob_without": prob}
            parts.append(pd.DataFrame(row))
    return pd.concat(parts, ignore_index=True)


def test_how_far_and_how_often_and_what_it_is_worth() -> None:
    found = summarize_reliance(make_table(), replicates=100)
    marker, drain = found["shortcuts"]["marker"], found["shortcuts"]["drain"]
    assert (marker["finding"], marker["studies"], marker["patients"]) == ("Pneumonia", 20, 20)
    assert [marker[key]["value"] for key in ("size", "change", "leaning")] == pytest.approx([0.4, 0.4, 1])
    assert [marker["auroc"][key]["value"] for key in ("with", "without", "difference")] == pytest.approx([1, 0.5, 0.5])
    assert (drain["studies"], drain["size"]["value"], drain["leaning"]["value"]) == (4, 0, 0)
    assert drain["leaning"]["high"] > 0.1, "nothing in four patients is not nothing"
    brightness = found["shortcuts"]["brightness"]
    assert (brightness["finding"], brightness["studies"]) == (None, 0)
    assert np.isnan(brightness["size"]["value"])
    assert "auroc" not in brightness


def test_auroc_without_any_shortcut_is_taken_over_all_test_studies() -> None:
    found = summarize_reliance(make_table(), replicates=100)
    assert found["findings"]["Pneumonia"]["without"]["value"] == pytest.approx(0.5)
    assert found["findings"][FINDINGS[0]]["difference"] == pytest.approx({"value": 0, "low": 0, "high": 0})
    assert np.isnan(found["findings"]["Hernia"]["with"]["value"])
    macro = found["macro"]
    assert macro["over"] == 2
    assert [macro[key]["value"] for key in ("with", "without", "difference")] == pytest.approx([1, 0.75, 0.25])
    assert found["studies"] == STUDIES
    assert flatten_reliance(found)["reliance/auroc_without/macro"] == pytest.approx(0.75)


def test_only_the_shortcut_asked_for_is_left_out() -> None:
    table = make_table()
    images, _, own, bare = widen_reliance(table.sample(frac=1, random_state=0), "drain")
    assert images["image_id"].tolist() == sorted(images["image_id"])
    np.testing.assert_array_equal(own, bare)
    _, _, own, bare = widen_reliance(table, "marker")
    assert (own != bare).any(axis=1).sum() == 20


def test_a_shortcut_that_is_nowhere() -> None:
    found = summarize_reliance(make_table(drains=False), replicates=50)
    drain = found["shortcuts"]["drain"]
    assert drain["studies"] == 0
    assert np.isnan(drain["size"]["value"])
    assert drain["auroc"]["difference"]["value"] == pytest.approx(0) or np.isnan(drain["auroc"]["difference"]["value"])
