import pytest
import torch

from cxr_xai.experiments.benchmarks import explain_boxes


def test_figures_of_a_small_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_boxes, "BOXES", 200)
    monkeypatch.setattr(explain_boxes, "SIZE", 28)
    figures = explain_boxes.measure_boxes(1)
    assert [figure.unit for figure in figures] == ["share of 10 s", "time ratio"]
    assert all(figure.seconds > 0 for figure in figures)
    assert all(figure.what.endswith(", 1 turn") for figure in figures)


def test_every_explainer_has_its_skill() -> None:
    boxes, keys, prior = explain_boxes.draw_boxes(200)
    maps = torch.rand(2, 200, 7, 7, generator=torch.Generator().manual_seed(0))
    assert len(explain_boxes.score_explainers(maps, boxes, keys, prior)) == 2


def test_stored_maps_come_back_as_they_were() -> None:
    maps = torch.rand(2, 5, 7, 7)
    assert torch.equal(explain_boxes.store_and_read(maps), maps)
