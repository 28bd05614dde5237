"""What a run explained, taken back to the moment at which it is continued."""

import re
from pathlib import Path

import pandas as pd

from cxr_xai.artifacts.pareto import cut_pareto
from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, RunFolder
from cxr_xai.files import whole


def cut_history(folder: RunFolder, epoch: int) -> None:
    """Drop tables' rows, maps and pictures of this epoch and later ones, and all that was made after training.

    The summary goes first: a folder whose results are taken back is not complete. The report goes with it.

    Args:
        folder: the run folder.
        epoch: the first one that is trained again, or for the first time.
    """
    folder.summary.unlink(missing_ok=True)
    folder.report.unlink(missing_ok=True)
    cut_pareto(folder.pareto, epoch)
    if folder.localization.is_file():
        table = pd.read_parquet(folder.localization)
        kept = table[(table["half"] == "monitored") & (table["epoch"] < epoch)]
        if len(kept) < len(table):
            folder.write_table(folder.localization, kept, LOCALIZATION_COLUMNS)
    for explainer in (folder.path / "explanations").glob("*"):
        _cut_panels(explainer, epoch)
        for maps in explainer.glob("*.npz"):
            found = re.fullmatch(r"monitored-e(\d+)", maps.stem)
            if found is None or int(found[1]) >= epoch:
                maps.unlink()


def _cut_panels(explainer: Path, epoch: int) -> None:
    path = explainer / "panels.csv"
    if not path.is_file():
        return
    table = pd.read_csv(path)
    kept = table[(table["kind"] == "epoch") & (table["epoch"] < epoch)]
    with whole(path) as partial:
        kept.to_csv(partial, index=False)
    for picture in (explainer / "panels").glob("*.png"):
        if f"panels/{picture.name}" not in set(kept["file"]):
            picture.unlink()
