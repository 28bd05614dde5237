"""What a cell will cost in time and disk: from a few real training steps, or from cells that are finished."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback
from torch.utils.data import DataLoader, Dataset

import cxr_xai
from cxr_xai.data.datamodule import keep
from cxr_xai.data.splits.box_halves import half_rows
from cxr_xai.data.splits.split import SELECTION
from cxr_xai.data.transforms.transform import Transform
from cxr_xai.experiments.build import build
from cxr_xai.experiments.explaining import build_explainer
from cxr_xai.experiments.sweep.plan import Planned
from cxr_xai.experiments.sweep.steps import Studies, count_processes, full_batches
from cxr_xai.findings import FINDINGS
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.types import Background, Batch

Settings = Mapping[str, Any]

ROOT = str(Path(cxr_xai.__file__).parents[1])
WARM_UP, STEPS = 2, 5
ENOUGH = 10.0
"""Seconds after which measuring ends, warmed up or not."""
PICTURE, ROW = 140e3, 16.0
"""Bytes of a drawn panel and of a row of ``predictions.parquet``, as finished runs have them."""
CHOSEN = 3 * len(FINDINGS)
"""Studies of the gallery at most: a hit, a false alarm and a miss of every finding."""
GALLERY = CHOSEN + 16
"""Panels at the end: those, and sealed boxes."""


@dataclass(frozen=True)
class Speed:
    """What this device did.

    Attributes:
        step: seconds per training batch.
        evaluation: seconds per study without gradients.
        explanation: seconds per study with the maps of all findings.
        checkpoint: bytes of one checkpoint, the optimizer's state included.
        map: bytes of the maps of one study.
    """

    step: float
    evaluation: float
    explanation: float
    checkpoint: float
    map: float


@dataclass(frozen=True)
class Cost:
    """What one cell will take.

    Attributes:
        seconds: of training, evaluation and maps.
        disk: bytes that it leaves.
    """

    seconds: float
    disk: float


class Films(Dataset[Batch]):
    """Batches of random films, so that nothing need be read or decoded.

    Args:
        settings: of the cell; batch and image size count.
        transform: of training, applied here as on the device.
    """

    def __init__(self, settings: Settings, transform: Transform | None) -> None:
        size, self.count = int(settings["datamodule"]["image_size"]), int(settings["datamodule"]["batch_size"])
        random = torch.Generator().manual_seed(0)
        self.image = torch.randint(0, 256, (self.count, 1, size, size), generator=random, dtype=torch.uint8)
        self.target = torch.randint(0, 2, (self.count, len(FINDINGS)), generator=random).float()
        self.transform = transform

    def __len__(self) -> int:
        """Return the number of batches."""
        return WARM_UP + STEPS

    def __getitem__(self, number: int) -> Batch:
        """Return a whole batch."""
        batch = Batch(torch.arange(self.count), self.image, self.target)
        return batch if self.transform is None else self.transform(batch, number)


class Stopwatch(Callback):
    """Times training batches, the first of which only warm up."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._start = self._batch = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start."""
        self._start = time.perf_counter()

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Start a batch."""
        self._batch = time.perf_counter()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Take the time, and stop where it has been enough."""
        finish(pl_module.device)
        self.seconds.append(time.perf_counter() - self._batch)
        trainer.should_stop = time.perf_counter() - self._start > ENOUGH


def finish(device: torch.device) -> None:
    """Wait for what the device still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def speed_key(settings: Settings) -> str:
    """Name what the speed of a cell depends on; cells alike in it are measured once."""
    parts = {key: settings[key] for key in ("model", "loss", "transform", "optimizer", "trainer", "explainer")}
    sizes = {key: settings["datamodule"][key] for key in ("image_size", "batch_size")}
    return json.dumps({**parts, **sizes, "seed": None}, sort_keys=True).replace(f'"seed": {settings["seed"]}', "")


def measure_speed(settings: Settings) -> Speed:
    """Train a few steps on random films with the cell's own model, loss, transform, optimizer and device."""
    model = build({**settings["model"], "weights": "none"}, "model")
    ones = torch.ones(len(FINDINGS))
    loss = build(settings["loss"], "loss", {"pos_weight": ones, "prevalence": ones / 2})
    transform: Transform = build(settings["transform"], "transform")
    module = ChestXrayModule(model, loss, build(settings["optimizer"], "optimizer"))
    chosen = {**settings["trainer"], "devices": 1, "strategy": "auto", "num_nodes": 1, "max_epochs": 1, "max_steps": -1}
    chosen |= {"limit_train_batches": None, "limit_val_batches": 0, "enable_progress_bar": False, "logger": False}
    watch = Stopwatch()
    trainer = build({**chosen, "enable_checkpointing": False}, "trainer", {"callbacks": [watch]})
    loader = DataLoader(Films(settings, transform), batch_size=None, collate_fn=keep)
    trainer.fit(module, loader, loader)
    steps = watch.seconds[WARM_UP:] or watch.seconds[-1:]
    optimizer = module.optimizers().optimizer.state_dict()  # type: ignore[union-attr]
    checkpoint = _bytes(model.state_dict()) + _bytes(optimizer["state"])
    device = trainer.strategy.root_device
    batch = build(settings["transform"], "transform")(Films(settings, None)[0], 0)
    explainer = build_explainer(settings["explainer"], None, background=partial(random_background, batch.image.shape))
    model = model.to(device).eval()
    few, many = batch.image[:2].to(device), batch.image[:8].to(device)
    with torch.no_grad():
        evaluation = time_second(lambda: model(many), device) / len(many)
    explanation = time_second(lambda: explainer.explain(model, few), device) / len(few)
    maps = explainer.explain(model, few[:1]).attribution
    return Speed(float(np.median(steps)), evaluation, explanation, checkpoint, float(_bytes(maps)))


def time_second(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of a second call; the first one warms up."""
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        work()
        finish(device)
        seconds = time.perf_counter() - start
    return seconds


def random_background(shape: Sequence[int], count: int) -> Background:
    """Return random films of this batch's size, which cost an explainer as much as real ones."""
    random = torch.Generator().manual_seed(0)
    return Background(torch.rand((count, *shape[1:]), generator=random), sha256="")


def _bytes(state: Any) -> float:
    if isinstance(state, torch.Tensor):
        return float(state.numel() * state.element_size())
    return sum(_bytes(value) for value in state.values()) if isinstance(state, Mapping) else 0.0


def estimate_cost(planned: Planned, speed: Speed, studies: Studies) -> Cost:
    """Put together what one cell will take."""
    settings, epochs = planned.settings, planned.epochs
    index, split = studies.look(settings)
    boxed = index.studies["image_id"].isin(index.boxes["image_id"]).to_numpy() & index.present
    explain = settings["callbacks"].get("explain")
    monitored, sealed = (len(half_rows(half, index.studies, boxed, split)) for half in ("monitored", "sealed"))
    monitored = min(monitored, explain["max_studies"] or monitored) if explain else 0
    selects = bool(settings["callbacks"].get("selection"))
    explained = monitored + selects * len(half_rows(SELECTION, index.studies, boxed, split))
    evaluated = studies.count(settings, "val"), studies.count(settings, "test")
    batches = full_batches(settings, studies)
    processes = count_processes(settings)
    every_epoch = batches * speed.step + evaluated[0] / processes * speed.evaluation + explained * speed.explanation
    seconds = epochs * every_epoch + sum(evaluated) / processes * speed.evaluation
    seconds += (sealed + CHOSEN) * speed.explanation
    pictures = epochs * min(monitored, 8) + GALLERY
    disk = len(settings["keep"]) * speed.checkpoint + (epochs * monitored + sealed) * speed.map
    return Cost(seconds, disk + pictures * PICTURE + sum(evaluated) * len(FINDINGS) * ROW)


def finished_cost(planned: Planned) -> Cost | None:
    """Return what a finished cell took, or None where it is not finished."""
    folder = planned.folder
    if not folder.summary.is_file():
        return None
    summary = folder.read_summary()
    seconds = summary["seconds"]["fit"] * planned.epochs / max(summary["epochs"], 1)
    return Cost(seconds, size_of(folder.path))


def size_of(folder: Path) -> float:
    """Return the bytes below a folder."""
    return float(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


def measure_start() -> float:
    """Return the seconds that a process takes before it can do anything: every cell is one."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import cxr_xai.experiments.run"], check=True, env={**os.environ, "PYTHONPATH": ROOT}
    )
    return time.perf_counter() - start


def estimate_all(cells: Sequence[Planned], studies: Studies) -> tuple[list[Cost], int]:
    """Estimate every cell; return the costs, and how many kinds of cell were measured: finished ones are known.

    A cell is taken for as expensive as the finished ones that train the same way.
    """
    known: dict[str, list[Cost]] = {}
    for planned in cells:
        if cost := finished_cost(planned):
            known.setdefault(speed_key(planned.settings), []).append(cost)
    speeds: dict[str, Speed] = {}
    costs = []
    for planned in cells:
        key = speed_key(planned.settings)
        if key in known:
            mean = np.mean([[cost.seconds, cost.disk] for cost in known[key]], axis=0)
            costs.append(Cost(*map(float, mean)))
            continue
        if key not in speeds:
            speeds[key] = measure_speed(planned.settings)
        costs.append(estimate_cost(planned, speeds[key], studies))
    return costs, len(speeds)
