"""Explainers of a real small run, from its folder alone; and a sweep whose arms differ in the explainer alone."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.leaderboard_folder import LeaderboardFolder
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.sweep.plan import Request
from cxr_xai.experiments.sweep.run import run_sweep

SECTION = {
    "reference": "exact_cam",
    "primary": "center",
    "max_studies": 5,
    "arms": {"exact_cam": ["explainer=exact_cam"], "center": ["explainer=center", "explainer.sigma=0.3"]},
}


def test_one_training_serves_all_explainers_and_is_found_again(
    finished: RunFolder, small_overrides: list[str], tmp_path: Path
) -> None:
    launched: list[Sequence[str]] = []

    def launch(cells: Sequence[Sequence[str]]) -> bool:
        """The reference's cell is the plain run: bring its folder."""
        launched.extend(cells)
        if cells:
            shutil.copytree(finished.path, tmp_path / "outputs" / "demo" / finished.path.name, dirs_exist_ok=True)
        return True

    def sweep() -> dict[str, Any]:
        fixed = [*small_overrides, f"paths.outputs={tmp_path / 'outputs'}"]
        request = Request("command", fixed=fixed, ablation="mine", sections={"ablation": SECTION})
        run_sweep(request, lambda overrides: compose("train", overrides), launch)
        return LeaderboardFolder(tmp_path / "outputs" / "demo" / finished.path.name).read_summary()

    summary = sweep()
    assert len(launched) == 1, "one cell for two arms"
    assert {arm["label"] for arm in summary["arms"]} == {"exact_cam", "center", "class_prior"}
    assert summary["primary"] == "center"
    [center] = [arm for arm in summary["arms"] if arm["label"] == "center"]
    assert center["settings"] == {"sigma": 0.3}
    board = LeaderboardFolder(tmp_path / "outputs" / "demo" / finished.path.name)
    stamp = board.record("center").stat().st_mtime_ns
    sweep()
    assert len(launched) == 1
    assert board.record("center").stat().st_mtime_ns == stamp, "what is done is kept"
