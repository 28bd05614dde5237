"""The steps that are compared differ in their guidance alone, and each guides every film."""

import pytest
import torch

from cxr_xai.experiments.benchmarks import train_guidance


def test_every_line_stands_beside_the_plain_step(monkeypatch: pytest.MonkeyPatch) -> None:
    build, seen = train_guidance.build_classifier, []
    monkeypatch.setattr(train_guidance, "build_classifier", lambda name: build("resnet10t"))
    monkeypatch.setattr(train_guidance, "SIZE", 64)
    step = train_guidance.take_step

    def watched(module, guide, optimizer, batch) -> None:
        step(module, guide, optimizer, batch)
        pairs = 0 if guide is None else len(guide.evidence(batch, (2, 2), 0))
        seen.append((None if guide is None else type(guide.term).__name__, pairs))

    monkeypatch.setattr(train_guidance, "take_step", watched)
    figures = train_guidance.measure_backbone("resnet50", 1, torch.device("cpu"))
    assert [figure.what.split("guidance=")[1].split(",")[0] for figure in figures] == ["energy", "regions", "body"]
    assert all(figure.ratio == figure.seconds / figure.baseline for figure in figures)
    assert seen == [(None, 0), ("Energy", 16), ("Regions", 16), ("Body", 16 * 14)] * 2
