"""The page about tests of explainers."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxr_xai.artifacts.sanity_folder import SanityFolder
from cxr_xai.errors import UserError
from cxr_xai.report.sanity import write_sanity_report


def line(test: str, condition: str, measure: str, value: float, **controls: float) -> dict[str, Any]:
    ends = {"value": value, "low": value - 0.1, "high": value + 0.1}
    beside = {
        name: {"value": one, "low": one, "high": one, "rows": 3, "difference": ends} for name, one in controls.items()
    }
    counts = {"rows": 3, "undefined": 1, "dead": 1.0, "patients": 3}
    head = {"test": test, "condition": condition, "measure": measure, "better": "lower"}
    return {**head, **ends, **counts, "controls": beside}


def summary() -> dict[str, Any]:
    curve = {"condition": "noisy_linear", "mode": "deletion", "share": [0, 50, 100], "mean": [1.0, 0.4, 0.0], "rows": 3}
    lines = [
        line("faithfulness", "noisy_linear", "deletion", 0.4123, random=0.5678, prior=np.nan),
        line("randomization", "down to head", "spearman_abs", 0.3, **{"other film": 0.2}),
        line("randomization", "down to head", "spearman", 0.4321),
        line("randomization", "only head", "spearman_abs", 0.3),
    ]
    tests = ["faithfulness", "randomization", "repeatability"]
    return {
        "run": "a <run>",
        "epoch": 3,
        "weights_sha256": "ab" * 32,
        "protocol": {"source": "nih", "split": "official", "about": {}},
        "code": {"version": "1", "sha256": "cd" * 32},
        "studies": 3,
        "patients": 3,
        "pairs": 4,
        "boxed_pairs": 0,
        "stages": ["head", "layer4"],
        "settings": {"tests": tests, "imputers": ["noisy_linear"], "cells": 16},
        "asked": {"exact_cam": {"_target_": "x", "background": None}},
        "explainers": {"exact_cam": {"lines": lines, "curves": {"exact_cam": [curve], "random": [curve]}}},
    }


def test_every_score_stands_beside_its_controls(tmp_path: Path) -> None:
    folder = SanityFolder(tmp_path)
    folder.write_summary(summary())
    page = write_sanity_report(folder).read_text()
    for words in (".412", ".568", "Map − random", "a &lt;run&gt;", "Other measures", ".432", "noisy linear"):
        assert words in page, words
    assert "Without numbers: Seeds and networks" in page
    assert page.count("<svg") == 2
    assert not re.findall(r"(?:src|href)=\"http", page)
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_no_tests_no_page(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tests of explainers"):
        write_sanity_report(SanityFolder(tmp_path))
