"""Every configuration file binds to what it builds, and every key is read by something."""

import inspect
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml
from omegaconf import OmegaConf

from cxr_xai.experiments.build import check_settings

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
HANDED = {
    "datamodule": {"split", "transform", "balancing", "progress"},
    "loss": {"pos_weight", "prevalence"},
    "callbacks": {"explainer", "folder", "datamodule", "identity"},
    "explainer": {"background"},
    "logger": {"save_dir", "metrics", "salt", "name", "group", "job_type", "tags", "run_id"},
    "trainer": {"callbacks", "logger", "default_root_dir", "plugins"},
}
"""What `run.py` hands to the targets of a group by parameter name."""

BUILT = (
    "datamodule",
    "split",
    "transform",
    "balancing",
    "model",
    "loss",
    "guidance",
    "optimizer",
    "scheduler",
    "explainer",
)
BUILT += ("finetune", "calibration", "threshold", "callbacks", "logger", "trainer", "tta")
NAMED = (
    "split",
    "transform",
    "balancing",
    "finetune",
    "loss",
    "guidance",
    "explainer",
    "calibration",
    "threshold",
    "logger",
    "tta",
)
MEMBERS = [
    (group, path.stem) for group in (*BUILT, "experiment", "debug") for path in sorted((CONF / group).glob("*.yaml"))
]


def compose(*overrides: str) -> dict[str, Any]:
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        config = hydra.compose("train", overrides=["datamodule.root=somewhere", *overrides])
    settings: Any = OmegaConf.to_container(config, resolve=True)
    return settings


def targets(node: Any, path: str) -> Any:
    """Yield (path, settings) of everything with a target."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from targets(value, f"{path}.{key}")


@pytest.mark.parametrize(("group", "name"), MEMBERS, ids=lambda value: str(value))
def test_every_member_binds_to_its_target(group: str, name: str) -> None:
    settings = compose(f"{group}={name}")
    for built in BUILT:
        for path, node in targets(settings[built], built):
            target = hydra.utils.get_object(node["_target_"])
            given = {
                key: value for key, value in node.items() if key not in ("_target_", "_partial_", "needs", "gives")
            }
            nested = {key for key, value in given.items() if isinstance(value, dict)}
            check_settings(target, {key: value for key, value in given.items() if key not in nested}, path)
            parameters = inspect.signature(target).parameters
            assert nested <= parameters.keys() or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
            needed = {
                key
                for key, parameter in parameters.items()
                if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            }
            if not node.get("_partial_"):
                assert needed <= given.keys() | HANDED.get(built, set()), (
                    f"{path}: {needed - given.keys()} has no value"
                )


def test_needs_are_what_the_signature_says() -> None:
    for path in sorted((CONF / "loss").glob("*.yaml")):
        settings = compose(f"loss={path.stem}")["loss"]
        parameters = inspect.signature(hydra.utils.get_object(settings["_target_"])).parameters
        assert (settings["needs"] == "pos_weight") == ("pos_weight" in parameters)


def test_top_level_keys_are_read() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "cxr_xai" / "experiments").glob("*.py"))
    for key in compose():
        assert f'"{key}"' in sources, f"nobody reads {key}"


def test_paths_are_read_or_interpolated() -> None:
    text = "\n".join(path.read_text() for path in [*CONF.rglob("*.yaml"), *(ROOT / "cxr_xai").rglob("*.py")])
    for key in compose()["paths"]:
        assert f"paths.{key}" in text or f'["{key}"]' in text


@pytest.mark.parametrize("group", NAMED)
def test_one_name_three_places(group: str) -> None:
    """conf/loss/focal.yaml ↔ cxr_xai/losses/focal.py."""
    for path in sorted((CONF / group).glob("*.yaml")):
        loaded = yaml.safe_load(path.read_text())
        node = loaded.get("extra", loaded) if group == "logger" else loaded
        if node is not None:
            assert node["_target_"].split(".")[-2] == path.stem
