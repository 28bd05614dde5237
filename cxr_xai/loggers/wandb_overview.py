"""What stands over runs as a W&B run of its own: the aggregate of a sweep, the leaderboard of explainers.

Leaves this machine: numbers, tables, figures and, of a leaderboard, films under maps. Nothing that identifies does.
"""

import math
import shutil
from pathlib import Path
from typing import Any

import wandb

from cxr_xai.loggers.overview import Overview
from cxr_xai.loggers.wandb import Mode, choose_mode
from cxr_xai.loggers.wandb_records import draw_id
from cxr_xai.loggers.wandb_settings import lend_folder, make_settings


class WandbOverview:
    """One run in W&B that is written whole, and replaced whole when it is written again.

    Everything is one row under the id of its folder, drawn when it is first written, and without ``resume``: the local
    record before it is dropped, and on a server the row takes the place of the one that was there.

    Args:
        save_dir: where the local record is written.
        name: of the run.
        group: the runs that it is about.
        job_type: ``aggregate`` or ``leaderboard``.
        mode: ``offline`` records locally, ``online`` sends, ``auto`` sends where a key and the server are at hand.
        project: name of the W&B project.
    """

    def __init__(
        self,
        save_dir: str | Path,
        name: str,
        group: str,
        job_type: str,
        mode: Mode = "offline",
        project: str = "cxr_xai",
    ) -> None:
        self.save_dir = Path(save_dir)
        self.mode = choose_mode(mode)
        self.about = {"name": name, "group": group, "job_type": job_type, "project": project}

    def write(self, overview: Overview) -> None:
        """Write the run; the record of a former one is dropped first."""
        run_id = draw_id(self.save_dir)
        for former in (self.save_dir / "wandb").glob("*run-*"):
            shutil.rmtree(former)
        with lend_folder(self.save_dir):
            run = wandb.init(
                **self.about,  # type: ignore[arg-type]
                id=run_id,
                config=dict(overview.config),
                dir=self.save_dir,
                mode=self.mode,
                settings=make_settings(),
            )
            run.log(make_row(overview), step=0)
            run.finish()
            wandb.teardown()  # the record is whole on the disk when this returns, which finish does not wait for


def make_row(overview: Overview) -> dict[str, Any]:
    """Return everything by key; undefined numbers are left out, for they would sort as text, and are counted."""
    known = {key: float(value) for key, value in overview.numbers.items() if math.isfinite(value)}
    undefined = {f"{overview.kind}/undefined": len(overview.numbers) - len(known)}
    tables = {key: wandb.Table(dataframe=table.reset_index(drop=True)) for key, table in overview.tables.items()}
    pictures = {
        key: [wandb.Image(picture, caption=caption) for picture, caption in shown]
        for key, shown in overview.pictures.items()
    }
    charts = {
        key: wandb.plot.bar(
            wandb.Table(dataframe=overview.tables[bars.table][[bars.label, bars.value]].dropna()),
            bars.label,
            bars.value,
            title=bars.title,
        )
        for key, bars in overview.bars.items()
    }
    curves = {
        key: wandb.plot.line_series(c.x, list(c.series.values()), list(c.series), title=c.title, xname=c.axis)
        for key, c in overview.curves.items()
    }
    return {**known, **undefined, **tables, **pictures, **charts, **curves}
