"""Training with the explain callback is bit-identical to training without it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.assemble import assemble, build_datamodule
from cxr_xai.experiments.run import fit

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]


def weights_after(compose: Compose, path: Path, *overrides: str) -> dict[str, torch.Tensor]:
    settings, choices = compose(*overrides)
    parts = assemble(settings, choices, RunFolder(path), build_datamodule(settings), path.name)
    fit(parts, settings["seed"])
    return torch.load(parts.folder.last, weights_only=True)


def test_bit_identical(compose: Compose, tmp_path: Path) -> None:
    watched = weights_after(compose, tmp_path / "on")
    alone = weights_after(compose, tmp_path / "off", "callbacks.explain=null")
    assert (tmp_path / "on" / "localization.parquet").is_file()
    assert not (tmp_path / "off" / "localization.parquet").is_file()
    for name, value in alone["state_dict"].items():
        assert torch.equal(value, watched["state_dict"][name]), name
    optimizers = (checkpoint["optimizer_states"][0]["state"] for checkpoint in (alone, watched))
    for a, b in zip(*(states.values() for states in optimizers), strict=True):
        assert torch.equal(a["exp_avg"], b["exp_avg"])
