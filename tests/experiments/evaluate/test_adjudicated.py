"""Mined against adjudicated labels, worked out by hand on eight films."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from cxr_xai.data.adjudicated import COLUMNS, LABELS
from cxr_xai.experiments.evaluate.adjudicated import compare_labels, summarize_adjudicated
from cxr_xai.experiments.evaluate.show import print_adjudicated
from cxr_xai.findings import FINDINGS

FILMS = [f"{n}.png" for n in range(8)]


def make_index(theirs: list[float], mined: dict[str, list[float]]) -> Any:
    table = pd.DataFrame(0.0, index=range(8), columns=list(COLUMNS)).assign(image_id=FILMS, **{LABELS[3]: theirs})
    return SimpleNamespace(adjudicated=table.assign(**{f"mined {name}": values for name, values in mined.items()}))


def make_predictions(probs: dict[str, list[float]], films: list[str] = FILMS) -> pd.DataFrame:
    rows = [
        (film, f"p{n // 2}", name, probs.get(name, [0.1] * 8)[n]) for n, film in enumerate(films) for name in FINDINGS
    ]
    return pd.DataFrame(rows, columns=["image_id", "patient_id", "finding", "calibrated"])


def test_agreement_by_hand() -> None:
    mined, theirs = np.array([1.0, 1, 1, 0, 0, 0, 0, np.nan]), np.array([1.0, 1, 0, 1, 0, 0, 0, 1])
    found = compare_labels(mined, theirs, FILMS, 50)
    assert [found[key] for key in ("both", "mined_only", "adjudicated_only", "neither")] == [2, 1, 1, 3]
    assert found["films"] == 7
    assert found["sensitivity"]["value"] == found["precision"]["value"] == pytest.approx(2 / 3)
    assert found["specificity"]["value"] == 0.75
    assert found["kappa"]["value"] == pytest.approx(cohen_kappa_score(mined[:7], theirs[:7]))
    assert found["kappa"]["low"] < found["kappa"]["value"] < found["kappa"]["high"]


def test_a_wider_label_is_scored_as_the_union(capsys: pytest.CaptureFixture[str]) -> None:
    theirs = [1.0, 1, 1, 1, 0, 0, 0, 0]
    mined = {"Mass": [1.0, 0, 0, 0, 0, 0, 0, 1], "Nodule": [1.0, 1, 0, 0, 0, 0, 0, 0]}
    probs = {"Mass": [0.9, 0.1, 0.8, 0.1, 0.2, 0.1, 0.1, 0.3], "Nodule": [0.1, 0.9, 0.1, 0.25, 0.2, 0.1, 0.1, 0.3]}
    found = summarize_adjudicated(make_index(theirs, mined), make_predictions(probs), 50)
    assert found is not None
    row = found["labels"]["Nodule or mass"]
    assert (row["relations"], row["union"]) == ({"Nodule": "wider", "Mass": "wider"}, ["Mass", "Nodule"])
    assert (row["agreement"]["both"], row["agreement"]["mined_only"], row["agreement"]["neither"]) == (2, 1, 3)
    assert row["auroc"]["adjudicated"]["value"] == 15 / 16  # one film of theirs (.25) lies below one of the others (.3)
    assert row["auroc"]["mined"]["value"] == pytest.approx((5 + 5 + 4) / 15)
    assert row["auroc"]["difference"]["value"] == pytest.approx(15 / 16 - 14 / 15)
    assert found["labels"]["Fracture"] == {"relations": {}, "union": []}
    assert np.isnan(found["labels"]["Pneumothorax"]["auroc"]["adjudicated"]["value"]), "nobody has one"
    print_adjudicated(found)
    assert "none of" in capsys.readouterr().out


def test_only_scored_films_count() -> None:
    index = make_index([0.0] * 8, {})
    assert summarize_adjudicated(index, make_predictions({}, ["x.png", "y.png"]), 10) is None
    few = summarize_adjudicated(index, make_predictions({}, FILMS[:4]), 10)
    assert few is not None
    assert (few["films"], few["patients"]) == (4, 2)
