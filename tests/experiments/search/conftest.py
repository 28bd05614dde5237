"""A search whose runs are over in a moment: a script that logs values of val by a formula of its overrides."""

import copy
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cxr_xai.experiments.command import compose
from cxr_xai.experiments.search import drive
from cxr_xai.experiments.search.settings import Search, read_search
from cxr_xai.experiments.sweep.plan import Request

SPACE = (
    "sweep=search",
    "~sweep.search.space.model",
    "~sweep.search.space.optimizer.weight_decay",
    "sweep.search.prune.after=2",
    "sweep.search.prune.warmup=0",
    "sweep.search.startup=2",
)

STUB = """
import hashlib, json, os, signal, sys, time
from pathlib import Path
root, overrides = Path(sys.argv[1]), dict(word.split("=", 1) for word in sys.argv[2:])
lr, epochs = float(overrides["optimizer.lr"]), int(overrides["trainer.max_epochs"])
folder = root / json.loads((root / "folders.json").read_text())[overrides["optimizer.lr"]]
with (root / "started").open("a") as log: log.write(folder.name + "\\n")
if (root / "fail").exists() : print("error: no films; unpack some.", file=sys.stderr); sys.exit(1)
signal.signal(signal.SIGTERM, lambda *_: ((folder / "saved").touch(), sys.exit(143)))
(folder / "failure.json").unlink(missing_ok=True)
metrics = folder / "metrics.csv"
done = metrics.read_text().count("val/loss") if metrics.exists() else 0
for epoch in range(done, epochs):
    with metrics.open("a") as file:
        if epoch == 0: file.write("epoch,key,value\\n")
        file.write(f"{epoch},val/loss,{lr * 100 + 1 / (epoch + 1)!r}\\n")
    if (root / "slow").exists() or (lr > 2e-3 and epoch == 0): time.sleep(0.3)
(folder / "summary.json").write_text(json.dumps({"schema_version": 3, "max_epochs": epochs, "stopped_early": False}))
"""

MakeSearch = Callable[..., Search]

FAST = ("paths", "name", "trainer", "optimizer")
"""What is set without Hydra, which takes a tenth of a second."""


@cache
def compose_once(overrides: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    return compose("train", overrides)


def compose_quickly(overrides: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Compose, and set plain values of known keys by hand."""
    plain = [o for o in overrides if o.partition(".")[0].partition("=")[0] in FAST]
    settings, choices = copy.deepcopy(compose_once(tuple(o for o in overrides if o not in plain)))
    for override in plain:
        key, _, value = override.partition("=")
        node = settings
        for part in key.split(".")[:-1]:
            node = node[part]
        assert key.rpartition(".")[2] in node
        node[key.rpartition(".")[2]] = yaml.safe_load(value) if "." in key and "paths" not in key else value
    return settings, choices


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "POLL", 0.02)
    monkeypatch.setattr(drive, "PAUSE", 0.05)


@pytest.fixture
def make_search(tmp_path: Path) -> MakeSearch:
    """``make_search(*overrides)``: those of ``sweep`` speak of the search, the others of its runs."""

    def make(*overrides: str, **parts: object) -> Search:
        own = [*SPACE, *(o for o in overrides if "sweep" in o.partition("=")[0])]
        fixed = [f"paths.outputs={tmp_path}", "name=find", "trainer.max_epochs=3"]
        fixed += [o for o in overrides if o not in own]
        sections = {"sweep": {"search": {}}, **parts}
        words = {"command": "python scripts/train.py -m", "own": own, "fixed": fixed, "sections": sections}
        return read_search(Request(**words), compose_quickly)  # type: ignore[arg-type]

    return make


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The program that stands for a training; ``folders.json`` says where each learning rate runs."""
    script = tmp_path / "stub.py"
    script.write_text(STUB)
    (tmp_path / "folders.json").write_text("{}")
    return [sys.executable, "-S", str(script), str(tmp_path)]
