"""The figures exist and compare like with like; on a test set small enough for a test."""

import pytest

from cxr_xai.experiments.benchmarks import stats


def test_every_metric_jackknife_delong_and_permutation_has_its_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "STUDIES", 300)
    monkeypatch.setattr(stats, "PATIENTS", 50)
    monkeypatch.setattr(stats, "REPLICATES", 20)
    figures = stats.measure_stats(repeats=1)
    names = [figure.what.split()[0] for figure in figures]
    assert names == ["auroc", "auprc", "f1", "brier", "ece", "BCa's", "clustered", "permutation"]
    assert all(figure.ratio == pytest.approx(figure.baseline / figure.seconds) for figure in figures)
    assert figures[0].bound == "≥ 25"
