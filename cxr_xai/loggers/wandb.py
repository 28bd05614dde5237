"""The only door to Weights & Biases: what one run (one cell) leaves there, without anything that identifies.

Leaves this machine: metrics, films with boxes and maps, and the configuration without paths. Does not leave it: image
and patient identifiers (salted hashes stand for them), paths, host and user names, code, console output.

One run a cell: group = sweep, job type = arm. Its id is drawn once and kept in ``<run folder>/wandb/id.txt``; `read_id`
returns it. One row of history an epoch, whose step is the epoch; one row more after training.

config: ``sweep cell arm fold seed data model loss balancing split finetune guidance transform …`` (chosen
members, flat), ``settings`` (all of them without places).

a row an epoch: ``epoch``, ``train/… val/… probe/… selection/…``; ``maps/<Finding>-<pseudonym>`` (film, native boxes and
mask) and ``overlays/<Finding>-<pseudonym>`` (film under its map), the same studies every epoch.

the last row: ``test/roc test/pr test/reliability val/roc val/pr confusion/<Finding>`` (charts), ``sealed/maps
sealed/overlays gallery/<TP,FP,FN>/<maps,overlays>`` (pictures).

summary: ``state`` (running, interrupted, failed, finished); ``val/…`` best over epochs, ``train/… probe/…`` last;
``best/epoch``; ``test/<auroc,auprc,…>/macro`` and its ends ``…/low …/high``, ``test/auroc/<Finding>``;
``sealed/skill/macro`` and its ends, ``sealed/<iou,energy,pointing>/macro``, ``sealed/dead`` (share); ``reliance/…``,
``flags`` (their number), ``seconds/fit``, ``explain/share``; ``protocol/<label,split,data,code,boxes,thresholds,
calibration,tta>`` (text, hashes of 12 digits).

A number that is undefined has no key.
"""

import math
import os
import socket
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

import numpy as np
import numpy.typing as npt
import wandb
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from requests.utils import get_netrc_auth

from cxr_xai.loggers.charts import Chart
from cxr_xai.loggers.csv import read_epochs
from cxr_xai.loggers.wandb_media import draw_chart, key_panels
from cxr_xai.loggers.wandb_records import draw_id, is_waiting, list_logs, mend_logs, read_id, read_rows
from cxr_xai.loggers.wandb_settings import lend_folder, make_settings
from cxr_xai.types import Panel

Mode = Literal["offline", "auto", "online"]
State = Literal["running", "interrupted", "failed", "finished"]
VAL = ("val/loss", "val/auroc/*")
"""Numbers of an epoch, by name; charts of val are drawn from the summary, as all charts are."""


def choose_mode(mode: Mode, timeout: float = 2.0) -> Literal["online", "offline"]:
    """Settle ``auto``: online only with a key and a server that answers within ``timeout`` seconds.

    With a key and no network the client would block for about 100 s and never fall back.
    """
    if mode != "auto":
        return mode
    settings = wandb.Settings()
    settings.update_from_env_vars(dict(os.environ))
    server = urlparse(settings.base_url)
    if not (settings.api_key or get_netrc_auth(settings.base_url)):
        return "offline"
    try:
        socket.create_connection((server.hostname or "", server.port or 443), timeout).close()
    except OSError:
        return "offline"
    return "online"


def keep_finite(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return texts, and numbers that are defined: NaN would sort as text.

    >>> keep_finite({"a": float("nan"), "b": 1, "c": None, "d": "x"})
    {'b': 1.0, 'd': 'x'}
    """
    kept: dict[str, Any] = {}
    for key, value in numbers.items():
        if isinstance(value, str):
            kept[key] = value
        elif value is not None and math.isfinite(value):
            kept[key] = float(value)
    return kept


def find_best(epochs: Mapping[int, Mapping[str, float]], smaller: str = "loss") -> dict[str, float]:
    """Return the best value of everything measured on val: the smallest of a loss, the largest of all else.

    >>> find_best({0: {"val/loss": 2.0, "val/auroc/macro": 0.6}, 1: {"val/loss": 3.0, "val/auroc/macro": 0.7}})
    {'val/loss': 2.0, 'val/auroc/macro': 0.7}
    """
    best: dict[str, float] = {}
    for row in epochs.values():
        for key, value in keep_finite(row).items():
            if key.startswith("val/"):
                choose = min if key.endswith(smaller) else max
                best[key] = choose(value, best.get(key, value))
    return best


class Wandb(Logger):
    """One run in W&B.

    Its history is written from ``metrics.csv``, a row for every finished epoch that has none, for W&B takes back no
    row: what a run that goes on from an older checkpoint repeats is left out, and what a kill lost is made up for.

    Args:
        save_dir: the run folder; records are written to ``wandb`` in it.
        metrics: its ``metrics.csv``.
        name: of the run.
        group: the runs that belong together.
        salt: of the pseudonyms; the same for runs whose studies should be recognizable across runs.
        mode: ``offline`` records locally, ``online`` sends, ``auto`` sends where a key and the server are at hand.
            While records of this folder wait to be sent, later ones wait as well: they would arrive out of order.
        project: name of the W&B project.
        job_type: what a sweep calls the run, its arm; None without one.
        tags: words to filter by.
    """

    def __init__(
        self,
        save_dir: str | Path,
        metrics: str | Path,
        name: str,
        group: str,
        salt: str,
        mode: Mode = "offline",
        project: str = "cxr_xai",
        job_type: str | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.folder, self.metrics, self.salt = Path(save_dir), Path(metrics), salt
        waiting = any(map(is_waiting, list_logs(self.folder)))
        self.mode = "offline" if waiting else choose_mode(mode)
        self.about = {"name": name, "group": group, "project": project, "job_type": job_type, "tags": tuple(tags)}
        self._run: Any = None
        self._lent = ExitStack()
        self._step = 0
        self._written, self._concluded = set[int](), set[int]()
        self._pictures: dict[int, dict[str, Any]] = {}
        self._last: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "wandb"

    @property
    def version(self) -> str | None:
        """The run's id, once it has one."""
        return read_id(self.folder)

    @property
    def experiment(self) -> Any:
        """The W&B run, begun or continued when it is asked for first; the first process alone asks."""
        if self._run is None:
            mend_logs(self.folder)
            rows = read_rows(self.folder)
            self._lent.enter_context(lend_folder(self.folder))
            self._run = wandb.init(
                **self.about,  # type: ignore[arg-type]
                id=draw_id(self.folder),
                dir=self.folder,
                mode=self.mode,
                resume="allow",  # offline, too: `wandb sync` then joins the records of one run in order of their start
                reinit="create_new",
                settings=make_settings(),
            )
            self._go_on(rows)
        return self._run

    def _go_on(self, rows: list[dict[str, Any]]) -> None:
        """Take up where the records end; online, where the server has them end."""
        if self.mode == "online":
            rows = [row for row in rows if row["_step"] < self._run.step]
        self._step = max([self._run.step, *(int(row["_step"]) + 1 for row in rows)])
        self._written = {int(row["epoch"]) for row in rows if "epoch" in row}
        self._concluded = {int(row["epochs"]) for row in rows if "epochs" in row}
        self._run.define_metric("epoch", hidden=True)
        for name in ("train/*", "probe/*", "selection/*", "maps/*", "overlays/*", *VAL):
            # Best values are written from all epochs; the client would take those since the last start alone. Rows say
            # their epoch themselves; else what has none would be given the last one.
            summary = "none" if name in VAL else None
            self._run.define_metric(name, step_metric="epoch", step_sync=False, summary=summary)
        self._run.summary["state"] = "running"

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Write the configuration."""
        self.experiment.config.update(dict(params), allow_val_change=True)

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Do nothing: rows are written from ``metrics.csv``."""

    @rank_zero_only
    def log_panels(self, panels: Sequence[Panel], pictures: Sequence[npt.NDArray[np.uint8]], step: int) -> None:
        """Keep films with native boxes and masks, and the drawn panels, for the row that they belong to."""
        for epoch in {panel.epoch for panel in panels if panel.kind == "epoch"}:
            self._pictures[epoch] = {}
        for panel, picture in zip(panels, pictures, strict=True):
            place = self._pictures[panel.epoch] if panel.kind == "epoch" else self._last
            for key, shown in key_panels([panel], [picture], self.salt).items():
                place[key] = [*place.get(key, []), *shown] if isinstance(shown, list) else shown

    @rank_zero_only
    def record(self) -> None:
        """Write a row for every finished epoch that has none, and the best values so far."""
        epochs = read_epochs(self.metrics)
        for epoch in sorted(epochs.keys() - self._written):
            self._write({"epoch": epoch, **keep_finite(epochs[epoch]), **self._pictures.get(epoch, {})})
            self._written.add(epoch)
        self._pictures.clear()
        self.experiment.summary.update(find_best(epochs))

    @rank_zero_only
    def conclude(self, numbers: Mapping[str, Any], charts: Mapping[str, Chart], epochs: int) -> None:
        """Write what is known after training.

        Args:
            numbers: for the summary; flat.
            charts: by key; pictures were handed over before.
            epochs: that were finished; the row of pictures and charts is written once for them.
        """
        self.record()
        if epochs not in self._concluded:
            # Pictures first: with each of them the client notes all charts again.
            self.experiment.log(self._last, step=self._step)
            self._write({"epochs": epochs, **{key: draw_chart(chart) for key, chart in charts.items()}})
            self._concluded.add(epochs)
        self._last = {}
        self.experiment.summary.update(keep_finite(numbers))

    def _write(self, row: dict[str, Any]) -> None:
        self.experiment.log(row, step=self._step, commit=True)
        self._step += 1

    @rank_zero_only
    def close(self, state: State = "finished", exit_code: int = 0) -> None:
        """Close the record; a next run in this process gets its own."""
        if self._run is None:
            return
        self._run.summary["state"] = state
        if state == "interrupted":
            self._run.mark_preempting()
        self._run.finish(exit_code)
        wandb.teardown()  # the record is whole on the disk when this returns, which finish does not wait for
        self._run = None
        self._lent.close()
