"""What is asked for, on the command line."""

from typing import Any

import numpy as np
import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.ask import choose_findings, read_explainers, read_findings
from cxr_xai.findings import INDEX

K = len(INDEX)


def test_predicted_findings_come_the_most_probable_first() -> None:
    calibrated = np.linspace(0, 0.5, K)
    pred = np.zeros(K, bool)
    pred[[2, 7]] = True
    assert choose_findings("predicted", calibrated, pred, calibrated) == [7, 2]


def test_without_a_prediction_the_most_probable_one_is_shown() -> None:
    calibrated = np.linspace(0, 0.5, K)
    assert choose_findings("predicted", calibrated, np.zeros(K, bool), calibrated) == [K - 1]
    unknown = np.full(K, np.nan)  # no curve says anything: plain probabilities decide
    assert choose_findings("predicted", unknown, np.zeros(K, bool), calibrated) == [K - 1]


def test_all_and_names() -> None:
    none, no = np.zeros(K), np.zeros(K, bool)
    assert choose_findings("all", none, no, none) == list(range(K))
    assert choose_findings(["Mass", "Edema"], none, no, none) == [INDEX["Mass"], INDEX["Edema"]]


def test_names_are_checked() -> None:
    assert read_findings("Infiltrate") == ["Infiltration"]
    assert read_findings(["Mass", "Mass"]) == ["Mass"]
    with pytest.raises(UserError, match="Masss is none of predicted, all, Atelectasis"):
        read_findings(["Masss"])
    with pytest.raises(UserError, match="findings is empty"):
        read_findings([])


@pytest.mark.parametrize("asked", [None, 5, {"Mass": 1}])
def test_what_are_no_names_is_refused(asked: Any) -> None:
    with pytest.raises(UserError, match="use predicted, all, or names"):
        read_findings(asked)


def test_explainers_are_composed_as_on_the_command_line() -> None:
    found = read_explainers(["exact_cam"])
    assert found["exact_cam"]["_target_"].endswith("ExactCam")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["exact_camm"], "explainer=exact_camm: no such member; explainer has .*exact_cam"),
        (["exact_cam layer=1"], "no configuration key 'layer'|no configuration key 'explainer.layer'"),
        ([], "explainers is empty"),
        ([""], "explainers is empty or names nothing"),
        (None, "explainers is empty or names nothing"),
        (["exact_cam", "exact_cam"], "names exact_cam twice"),
    ],
)
def test_wrong_explainers(asked: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_explainers(asked)
