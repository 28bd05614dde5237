"""Arms are compared at equal optimizer steps: an epoch is as many batches in every arm and every fold."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.films.store import find_store
from cxr_xai.data.index import Index
from cxr_xai.data.splits.split import Split
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.experiments.sweep.plan import Compose, Found, Others, Plan, Planned, Steps
from cxr_xai.experiments.terminal import ProgressBar

Settings = Mapping[str, Any]


class Studies:
    """Counts training studies; sources are read once however many cells ask.

    Args:
        dry: make nothing; where films are not decoded yet, count before quarantine.
    """

    def __init__(self, dry: bool = False) -> None:
        self.dry, self.exact = dry, True
        self._indices: dict[str, Index] = {}
        self._splits: dict[str, Split] = {}

    def count(self, settings: Settings, part: str) -> int:
        """Return the studies with a film in a part, synthetic ones not counted."""
        index, split = self.look(settings)
        return int(index.present[split.rows(part)].sum())

    def look(self, settings: Settings) -> tuple[Index, Split]:
        """Return table and division of a cell."""
        place = json.dumps({**settings["datamodule"], "seed": None, "batch_size": None}, sort_keys=True)
        key = place + json.dumps(settings["split"], sort_keys=True)
        if place not in self._indices:
            self._indices[place] = self._read(settings)
        if key not in self._splits:
            self._splits[key] = build(settings["split"], "split").split(self._indices[place])
        return self._indices[place], self._splits[key]

    def _read(self, settings: Settings) -> Index:
        handed = {"progress": ProgressBar("films")}
        datamodule: ChestXrayDataModule = build(settings["datamodule"], "datamodule", handed)
        if not self.dry:
            datamodule.prepare_data()
            return datamodule.index
        if not datamodule.root.is_dir():
            raise UserError(
                f"{datamodule.root} is not there, and a dry run makes nothing; scripts/prepare.py makes it."
            )
        if datamodule.shards is not None:
            return datamodule.index
        paths = datamodule.film_table["path"].tolist()
        if datamodule.cache_dir is not None and find_store(paths, datamodule.image_size, datamodule.cache_dir):
            return datamodule.index
        self.exact = False
        return datamodule.source


def equalize(plan: Plan, compose: Compose, studies: Studies) -> tuple[Plan, Found]:
    """Give all arms the optimizer steps of the reference's smallest fold, and switch early stopping off.

    An epoch keeps its meaning for schedules and plateaus, and every arm sees fresh studies in each: those that do not
    fit into one are left to the next.

    Raises:
        UserError: an arm cannot fill so many batches, or is allowed other epochs than the reference.
    """
    if plan.ablation is None:
        return plan, {}
    groups: dict[Others, list[Planned]] = {}
    for planned in plan.cells:
        groups.setdefault(planned.others, []).append(planned)
    found = {key: _group_steps(plan.ablation.reference, cells, studies) for key, cells in groups.items()}
    cells = [planned.with_overrides(pin(planned, found[planned.others].steps), compose) for planned in plan.cells]
    return replace(plan, cells=cells), found


def _group_steps(reference: str, cells: Sequence[Planned], studies: Studies) -> Steps:
    available: dict[str, int] = {}
    steps: dict[str, int] = {}
    for planned in cells:
        arm, batches = planned.cell.arm or "", full_batches(planned.settings, studies)
        available[arm] = min(batches, available.get(arm, batches))
        steps[arm] = min(batches // accumulation(planned.settings), steps.get(arm, batches))
    wanted = steps[reference]
    if wanted < 1:
        raise UserError(f"arm {reference} has no full batch; make datamodule.batch_size smaller.")
    for arm, count in steps.items():
        if count < wanted:
            raise UserError(
                f"arm {arm} fills {count} batches an epoch and the reference {reference} {wanted}; at equal steps "
                "they cannot be compared. Take the larger as reference, or a smaller batch in this arm."
            )
    if len(epochs := {planned.epochs for planned in cells}) > 1:
        raise UserError(f"the arms differ in trainer.max_epochs ({sorted(epochs)}); equal steps need equal epochs.")
    return Steps(wanted, available)


def full_batches(settings: Settings, studies: Studies) -> int:
    """Return the full training batches per process and epoch, within ``trainer.limit_train_batches``."""
    per_process = -(-studies.count(settings, "train") // count_processes(settings))
    batches = per_process // int(settings["datamodule"]["batch_size"])
    limit = settings["trainer"].get("limit_train_batches")
    if isinstance(limit, float):
        return int(batches * limit)
    return batches if limit is None else min(batches, limit)


def accumulation(settings: Settings) -> int:
    """Return how many batches make one optimizer step."""
    return int(settings["trainer"].get("accumulate_grad_batches") or 1)


def count_processes(settings: Settings) -> int:
    """Return over how many devices a run is spread, asking the trainer unless a number says it."""
    devices, nodes = settings["trainer"].get("devices", 1), int(settings["trainer"].get("num_nodes") or 1)
    if isinstance(devices, int) and devices > 0:
        return devices * nodes
    trainer = build(settings["trainer"], "trainer", {"logger": False, "callbacks": []})
    return int(trainer.num_devices * trainer.num_nodes)


def pin(planned: Planned, steps: int) -> list[str]:
    """Return the overrides that make an epoch so many steps."""
    return [
        f"++trainer.limit_train_batches={steps * accumulation(planned.settings)}",
        f"++trainer.max_steps={steps * planned.epochs}",
        "callbacks.early_stopping=null",
    ]
