"""The name of a run: what it is made of, readable, with a hash of everything that changes its result."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

UNHASHED = (
    "name",
    "paths",
    "fresh",
    "arm",
    "dry_run",
    "keep",
    "plan",
    "logger",
    "datamodule.root",
    "datamodule.cache_dir",
    "datamodule.exclude",
    "datamodule.num_workers",
    "datamodule.shard_url",
    "datamodule.reader.adjudicated",
    "datamodule.reader.neatx",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "trainer.max_epochs",
    "trainer.max_steps",
    "callbacks.progress",
    "callbacks.explain.consumers",
    "callbacks.checkpoint.every_n_steps",
)
"""Keys that do not change what a run finds out: places, devices, what is shown, how a sweep calls it. Epochs and steps
are among them, so that raising them continues the same run. ``plan`` is for the readers of numbers; hashed, an edited
plan would name another folder and hide the first, so the certificate keeps every plan with its time instead. What an
excluded film or a file of labels changes is in the data's hash."""

MASKS = "guidance.masks"
"""Null, a name, or a folder, whose place is no setting: what lies in it has a hash of its own in the certificate."""

NAMED = (None, "atlas")
"""Masks that are no folder."""

SHARDS = "datamodule.shards"
"""Null or a folder, whose place is no setting; that films stream is one, for they are visited in another order."""

FILES = ("datamodule.reader.mapping", "datamodule.reader.adjudicated", "datamodule.reader.neatx")
"""Null or files, whose place is no setting; that there are any is one: what lies in them is in the data's hash."""


def strip(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the settings without the unhashed keys.

    >>> strip({"seed": 1, "paths": {"data": "x"}, "trainer": {"devices": 2, "precision": 32}})
    {'seed': 1, 'trainer': {'precision': 32}}
    >>> strip({"datamodule": {"reader": {"mapping": "/somewhere", "neatx": None, "adjudicated": ["/a", "/b"]}}})
    {'datamodule': {'reader': {'mapping': 'given', 'adjudicated': 'given'}}}
    >>> strip({"guidance": {"masks": "/somewhere"}}), strip({"guidance": {"masks": "atlas"}})
    ({'guidance': {'masks': 'folder'}}, {'guidance': {'masks': 'atlas'}})
    """
    kept = {}
    for key, value in settings.items():
        if f"{prefix}{key}" not in UNHASHED:
            kept[key] = strip(value, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        if f"{prefix}{key}" == MASKS and value not in NAMED:
            kept[key] = "folder"
        if f"{prefix}{key}" == SHARDS and value is not None:
            kept[key] = "folder"
        if f"{prefix}{key}" in FILES and value is not None:
            kept[key] = "given"
    return kept


def hash_settings(settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the settings that change the result; the order of keys does not matter."""
    text = json.dumps(strip(settings), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def name_cell(settings: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """Return the name, of ``[A-Za-z0-9._-]`` only.

    ``<datamodule>-<model>-<loss>-<balancing>-<split>[-f<fold>][-<finetune>][-<guidance>]-s<seed>-<hash8>``; a
    finetune of ``full`` and a guidance of ``none`` are not said.

    Args:
        settings: the resolved configuration.
        choices: the chosen member of each group.
    """
    parts = [choices[group] for group in ("datamodule", "model", "loss", "balancing", "split")]
    fold = settings["split"].get("fold")
    parts += [] if fold is None else [f"f{fold}"]
    usual = {"finetune": "full", "guidance": "none"}
    parts += [choices[group] for group, name in usual.items() if choices.get(group, name) != name]
    parts += [f"s{settings['seed']}", hash_settings(settings)[:8]]
    return re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(parts))
