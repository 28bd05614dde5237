"""What a run explained is taken back to an epoch."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.history import cut_history
from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PANEL_COLUMNS, RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Three epochs, explained, and finished with the weights of epoch 1."""
    run = RunFolder(tmp_path / "cell")
    explainer = run.explanations("exact_cam")
    for epoch, half, kind in [(0, "monitored", "epoch"), (1, "monitored", "epoch"), (2, "monitored", "epoch")] + [
        (1, "sealed", kind) for kind in ("box", "TP", "FN")
    ]:
        row = dict.fromkeys(LOCALIZATION_COLUMNS, 0.5) | {"epoch": epoch, "half": half, "image_id": kind}
        run.append_localization(pd.DataFrame([row]), half, epoch)
        picture = f"panels/{kind}-e{epoch:03d}-x.png"
        panel = dict.fromkeys(PANEL_COLUMNS, 0) | {"kind": kind, "epoch": epoch, "file": picture}
        run.append_panels("exact_cam", pd.DataFrame([panel]), epoch)
        for name in (picture, f"{half}-e{epoch:03d}.npz"):
            (explainer / name).parent.mkdir(exist_ok=True)
            (explainer / name).touch()
    run.write_summary({"auroc": 0.5})
    run.report.touch()
    return run


def names(folder: RunFolder) -> set[str]:
    explainer = folder.explanations("exact_cam")
    return {p.relative_to(explainer).as_posix() for p in explainer.rglob("*") if p.suffix in (".png", ".npz")}


@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
def test_only_what_training_made_before_stays(folder: RunFolder, epoch: int) -> None:
    cut_history(folder, epoch)
    kept = list(range(epoch))
    assert not folder.summary.exists()
    assert not folder.report.exists()
    assert pd.read_parquet(folder.localization)["epoch"].tolist() == kept
    panels = pd.read_csv(folder.explanations("exact_cam") / "panels.csv")
    assert panels["epoch"].tolist() == kept
    assert tuple(panels.columns) == PANEL_COLUMNS
    assert names(folder) == {f"monitored-e{e:03d}.npz" for e in kept} | {f"panels/epoch-e{e:03d}-x.png" for e in kept}


def test_twice_is_once_and_nothing_is_fine(folder: RunFolder, tmp_path: Path) -> None:
    cut_history(folder, 1)
    before = folder.localization.read_bytes()
    cut_history(folder, 1)
    assert folder.localization.read_bytes() == before
    cut_history(RunFolder(tmp_path / "nothing"), 0)
    assert not (tmp_path / "nothing").exists()
