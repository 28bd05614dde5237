"""Boxes that were trained on stand in the certificate, or the folder does not verify."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.verification.uses import GUIDED, compare_training

TOLD = "trained on (3 boxes of 2 patients of train)"


def places(member: str, guidance: Any, uses: str = "none", pairs: float = 31.0, **hidden: Any) -> list[str]:
    """Where a folder with so many guided pairs contradicts itself."""
    settings, _ = compose("train", [f"guidance={member}"])
    settings["guidance"] |= hidden
    metrics = pd.DataFrame({"epoch": [0, 0], "key": ["train/loss", GUIDED], "value": [0.3, pairs]})
    evidence: Any = SimpleNamespace(
        settings=settings,
        certificate={"guidance": guidance, "boxes": {"uses": uses}},
        folder=SimpleNamespace(read_metrics=lambda: metrics),
    )
    return [difference.place for difference in compare_training(evidence)]


def test_what_is_told_holds() -> None:
    assert places("energy", {"needs": "boxes"}, f"monitored, {TOLD}") == []
    assert places("body", {"needs": "body"}) == []
    assert places("none", None, pairs=0.0) == []


def test_what_is_not_told_does_not() -> None:
    assert places("energy", {"needs": "boxes"}, "monitored") == ["boxes.uses"]
    assert places("energy", None) == ["guidance"]
    assert places("energy", {"needs": "body"}) == ["needs", "boxes.uses"]
    with pytest.raises(UserError, match="Energy needs boxes"):
        places("energy", {"needs": "body"}, needs="body")
