"""A run whose films stream from shards: cut in mid-epoch it ends as one that never was, and says what does not fit."""

import json
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


@pytest.mark.slow
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


RANKS = """
import json
import sys
from pathlib import Path
from lightning import Callback
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.assemble import assemble, build_datamodule
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.run import fit

class Visited(Callback):
    def __init__(self):
        self.rows = []

    def on_train_batch_start(self, trainer, module, batch, step):
        self.rows.append([trainer.current_epoch, *batch.index.tolist()])

if __name__ == "__main__":
    out, *overrides = sys.argv[1:]
    settings, choices = compose("train", overrides)
    parts = assemble(settings, choices, RunFolder(Path(out) / "run"), build_datamodule(settings), "cell")
    parts.trainer.callbacks.append(visited := Visited())
    fit(parts, settings["seed"])
    trainer = parts.trainer
    told = {"rows": visited.rows, "steps": trainer.global_step, "train": len(parts.datamodule.dataset("train").rows)}
    told |= {"ranks": trainer.world_size, "opened": parts.datamodule.films.opened}
    Path(out, f"{trainer.global_rank}.json").write_text(json.dumps(told))
"""


@pytest.mark.slow
def test_two_ranks_stream_shares_that_are_disjoint_in_equal_steps(
    shards: Path, small_overrides: list[str], launch: Callable[..., str], tmp_path: Path
) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    ddp = ["trainer=ddp", "trainer.accelerator=cpu", "datamodule.batch_size=4", f"datamodule.shards={shards}"]
    launch([str(script), str(tmp_path), *small_overrides, *ddp], tmp_path)
    one, two = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert one["ranks"] == two["ranks"] == 2
    assert one["steps"] == two["steps"] == len(one["rows"]) == len(two["rows"]) > 2
    assert (tmp_path / "run" / "last.ckpt").is_file() or list((tmp_path / "run").rglob("*.ckpt"))
    for epoch in (0, 1):
        shares = [[row for e, *rows in told["rows"] if e == epoch for row in rows] for told in (one, two)]
        visited = [*shares[0], *shares[1]]
        assert len(shares[0]) == len(shares[1]), "in step"
        assert len(visited) - len(set(visited)) <= one["train"] % 2, "none twice but what fills the last share up"
        assert one["train"] - len(set(visited)) <= 2, "a last batch of one is left out on each rank"


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
