"""A run whose films stream from shards: cut in mid-epoch it ends as one that never was, and says what does not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from lightning import Callback

pytest.importorskip("webdataset")

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.assemble import assemble, build_datamodule
from cxr_xai.experiments.check import check_choices
from cxr_xai.experiments.command import compose as compose_settings
from cxr_xai.experiments.run import fit
from cxr_xai.experiments.shards import run_shards

Compose = Callable[..., tuple[dict[str, Any], dict[str, str]]]


@pytest.fixture(scope="module")
def shards(small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "films"
    kept = [word for word in small_overrides if word.startswith(("datamodule.", "paths."))]
    run_shards(*compose_settings("shards", [*kept, "per_shard=16", f"output={folder}"]))
    return folder


class Cut(Exception):
    """Stands in for whatever ends a process."""


class At(Callback):
    """Ends the run before the batch that follows a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise Cut


def test_cut_in_mid_epoch(
    compose: Compose, shards: Path, tmp_path: Path, require_same: Callable[[RunFolder, RunFolder], None]
) -> None:
    words = ("datamodule.batch_size=4", "callbacks.checkpoint.every_n_steps=2", f"datamodule.shards={shards}")

    def train(name: str, at: int | None = None) -> RunFolder:
        settings, choices = compose(*words)
        parts = assemble(settings, choices, RunFolder(tmp_path / name), build_datamodule(settings), "cell")
        if at is not None:
            parts.trainer.callbacks.insert(0, At(at))  # type: ignore[attr-defined]
        fit(parts, settings["seed"])
        return parts.folder

    whole = train("whole")
    with pytest.raises(Cut):
        train("cut", at=20)  # in the second epoch of 15 steps
    require_same(whole, train("cut"))


def test_all_films_are_there_and_shards_are_not_made_of_shards(shards: Path) -> None:
    facts = pd.read_parquet(shards / "facts.parquet")
    assert (facts["problem"] == "").all()
    assert len(list(shards.glob("*.tar"))) == -(-len(facts) // 16)
    settings, choices = compose_settings("shards", [f"datamodule.shards={shards}"])
    with pytest.raises(UserError, match=r"datamodule\.shards reads shards; output= names where they are written"):
        run_shards(settings, choices)


@pytest.mark.parametrize(
    "words", [("balancing=smote",), ("balancing=sampler",), ("transform=advanced", "transform.mixup=0.4")]
)
def test_what_needs_films_out_of_turn_is_refused_at_once(compose: Compose, words: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=r"needs films out of turn, and datamodule\.shards reads them in turn"):
        check_choices(*compose("datamodule.shards=somewhere", *words))
