"""The figure exists; on a test set small enough for a test."""

import pytest

from cxr_xai.experiments.benchmarks import subgroups


def test_subgroups_have_their_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STUDIES": 300, "PATIENTS": 50, "REPLICATES": 20, "FLIPS": 100}.items():
        monkeypatch.setattr(subgroups, name, value)
    (figure,) = subgroups.measure_subgroups(repeats=1)
    assert figure.what.startswith("two subgroups, 300 × 14 × 20")
    assert figure.ratio == pytest.approx(figure.baseline / figure.seconds)
