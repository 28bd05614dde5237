import pandas as pd
import pytest

from cxr_xai.findings import FINDINGS
from cxr_xai.report.confusion import count_cells


def entries(threshold: float | None = 0.5) -> dict[str, dict[str, object]]:
    return {name: {"threshold": threshold, "threshold_rule": "val_f1"} for name in FINDINGS}


def predictions(target: list[float], pred: list[int], part: str = "test") -> pd.DataFrame:
    return pd.DataFrame({"part": part, "finding": "Mass", "target": target, "pred": pred})


def test_cells_and_shares() -> None:
    (mass,) = count_cells(predictions([1, 1, 1, 0, 0, float("nan")], [1, 1, 0, 1, 0, 1]), entries())
    assert (mass["tp"], mass["fn"], mass["fp"], mass["tn"]) == (2, 1, 1, 1)
    assert mass["hit"] == pytest.approx(2 / 3)
    assert mass["alarm"] == 0.5


def test_a_share_of_none_is_undefined() -> None:
    (mass,) = count_cells(predictions([0, 0], [1, 0]), entries())
    assert mass["hit"] is None


def test_val_and_findings_without_threshold_are_left_out() -> None:
    assert count_cells(predictions([1], [1], "val"), entries()) == []
    assert count_cells(predictions([1], [1]), entries(None)) == []
