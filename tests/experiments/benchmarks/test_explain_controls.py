"""The list that the controls are measured on is like the published one."""

import pytest

from cxr_xai.experiments.benchmarks import explain_controls
from cxr_xai.experiments.benchmarks.explain_controls import BOXES, PATIENTS, draw_boxes, measure_controls


def test_boxes_lie_in_the_film() -> None:
    boxes = draw_boxes(BOXES, PATIENTS)
    assert len(boxes) == 984
    assert boxes["patient_id"].nunique() == 726
    assert boxes["finding"].nunique() == 8
    assert (boxes[["x0", "y0"]] >= 0).all(axis=None)
    assert (boxes[["x1", "y1"]] <= 1).all(axis=None)


def test_a_figure_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_controls, "BOXES", 24)
    monkeypatch.setattr(explain_controls, "REPLICATES", 5)
    (figure,) = measure_controls(1)
    assert figure.ratio == pytest.approx(figure.seconds / 5)
