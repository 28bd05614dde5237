"""Every line says of how many turns its medians are; one call stands beside one call."""

import pytest
import torch

from cxr_xai.experiments.benchmarks import explain
from cxr_xai.experiments.benchmarks.timing import Figure


def test_turns_are_stated_and_grow_with_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, list[int]] = {}

    def stand_in(name: str, many: bool) -> object:
        def measure(*arguments: object) -> object:
            asked.setdefault(name, []).append(arguments[-1])
            figure = Figure(name, 1.0, 1.0, 1.0, "time ratio", "≤ 1")
            return [figure] if many else figure

        return measure

    names = {"exact_cam": False, "share": False, "library": True, "adapters": True}
    for name, many in (names | dict.fromkeys(("perturbation", "shap", "faithfulness"), True)).items():
        monkeypatch.setattr(explain, f"measure_{name}", stand_in(name, many))
    assert all("turn" in figure.what for figure in explain.measure_explain(1))
    figures = explain.measure_explain(20)
    assert asked["exact_cam"] == [5, 5, 20, 20]
    assert asked["library"] == [1, 1, 20, 20]
    assert asked["adapters"] == [5, 5, 20, 20]
    assert [figure.what for figure in figures if figure.what.startswith("library")] == ["library, 20 turns"] * 2


def test_one_call_for_one_finding_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.zeros(shape[0], 1, 64, 64))
    build = explain.build_classifier
    monkeypatch.setattr(explain, "build_classifier", lambda name: build("resnet10t"))
    figures = explain.measure_adapters("resnet50", 1)
    assert [figure.what.split()[3] for figure in figures] == ["grad_cam", "grad_cam_pp", "hires_cam", "layer_cam"]
    assert all(figure.bound == "≤ 1.1" for figure in figures)
