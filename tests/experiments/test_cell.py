"""Names of runs."""

import copy
import re
from typing import Any

import pytest

from cxr_xai.experiments.cell import hash_settings, name_cell

CHOICES = {"datamodule": "nih", "model": "resnet50", "loss": "focal", "balancing": "sampler", "split": "official"}
FILES = {"mapping": "here.json", "adjudicated": None, "neatx": "here.csv"}
SETTINGS: dict[str, Any] = {
    "name": "x",
    "seed": 3,
    "paths": {"outputs": "a"},
    "datamodule": {"root": "here", "image_size": 224, "num_workers": 0, "batch_size": 32, "reader": dict(FILES)},
    "split": {"_target_": "s"},
    "guidance": {"needs": "regions", "masks": "masks"},
    "trainer": {"devices": 1, "max_epochs": 5, "precision": "32-true"},
    "logger": {"extra": None},
    "callbacks": {"explain": {"max_studies": 200, "consumers": {"panels": {"count": 8}}}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    settings = copy.deepcopy(SETTINGS)
    *parents, key = path.split(".")
    node = settings
    for parent in parents:
        node = node[parent]
    node[key] = value
    return settings


def test_name_says_what_it_is() -> None:
    name = name_cell(SETTINGS, CHOICES)
    assert re.fullmatch(r"nih-resnet50-focal-sampler-official-s3-[0-9a-f]{8}", name)


def test_fold_is_in_the_name() -> None:
    assert "-kfold-f2-s3-" in name_cell(changed("split.fold", 2), {**CHOICES, "split": "kfold"})


def test_a_way_of_fine_tuning_is_in_the_name_unless_everything_trains() -> None:
    assert "-official-gradual-s3-" in name_cell(SETTINGS, {**CHOICES, "finetune": "gradual"})
    assert "-official-s3-" in name_cell(SETTINGS, {**CHOICES, "finetune": "full"})


def test_guidance_is_in_the_name_unless_there_is_none() -> None:
    guided = {**CHOICES, "finetune": "gradual", "guidance": "energy_area"}
    assert "-official-gradual-energy_area-s3-" in name_cell(SETTINGS, guided)
    assert "-official-s3-" in name_cell(SETTINGS, {**CHOICES, "guidance": "none"})


def test_odd_characters_are_replaced() -> None:
    name = name_cell(SETTINGS, {**CHOICES, "model": "my net/ü"})
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "y"),
        ("paths.outputs", "b"),
        ("datamodule.root", "there"),
        ("guidance.masks", "/elsewhere/masks"),
        ("datamodule.reader.mapping", "/elsewhere/mapping.json"),
        ("datamodule.reader.neatx", "/elsewhere/drains.csv"),
        ("datamodule.num_workers", 8),
        ("trainer.devices", 4),
        ("trainer.max_epochs", 50),
        ("trainer.max_steps", 500),
        ("arm", "smote"),
        ("keep", ["best"]),
        ("logger.extra", {"mode": "online"}),
        ("callbacks.explain.consumers", {}),
    ],
)
def test_places_devices_and_epochs_keep_the_hash(path: str, value: Any) -> None:
    assert hash_settings(changed(path, value)) == hash_settings(SETTINGS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 4),
        ("datamodule.image_size", 512),
        ("datamodule.batch_size", 16),
        ("trainer.precision", "bf16-mixed"),
        ("guidance.masks", "atlas"),
        ("guidance.masks", None),
        ("datamodule.reader.mapping", None),
        ("datamodule.reader.neatx", None),
        ("datamodule.reader.adjudicated", ["/elsewhere/a.csv", "/elsewhere/b.csv"]),
        ("callbacks.explain.max_studies", 100),
    ],
)
def test_what_changes_the_result_changes_the_hash(path: str, value: Any) -> None:
    assert hash_settings(changed(path, value)) != hash_settings(SETTINGS)


def test_order_of_keys_does_not_matter() -> None:
    assert hash_settings(dict(reversed(SETTINGS.items()))) == hash_settings(SETTINGS)
