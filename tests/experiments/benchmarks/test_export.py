"""Both files are timed beside the network, one film and eight at a time."""

import pytest

from cxr_xai.experiments.benchmarks import export


def test_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "SIZE", 64)
    monkeypatch.setattr(export, "FORMATS", {"torch_export": export.FORMATS["torch_export"]})
    build = export.build_classifier
    monkeypatch.setattr(export, "build_classifier", lambda name: build("resnet10t"))
    (one, eight) = export.measure_files("resnet50", 1)
    assert one.what.startswith("torch_export of 1 films")
    assert eight.ratio == pytest.approx(eight.seconds / eight.baseline)
