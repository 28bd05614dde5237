"""Which runs make two arms, from folders."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.global_explanations.sides import are_arms, choose_sides, name_output
from tests.experiments.aggregate.conftest import index, write  # noqa: F401


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Two arms of two seeds each, official split."""
    make: Callable[..., Path] = request.getfixturevalue("write")
    return make(tmp_path_factory.mktemp("runs") / "duel", k=None, seeds=(0, 1))


def ask(folder: Any, against: Any = None, arm: Any = None, output: str | None = None) -> dict[str, Any]:
    return {"folder": folder, "against": against, "arm": arm, "output": output}


def cell(runs: Path, arm: str, seed: int) -> str:
    return str(next(runs.glob(f"*-{arm}-*-s{seed}")))


def test_lists_of_runs_are_named_by_what_differs(runs: Path) -> None:
    sides = choose_sides(ask([cell(runs, "bce", 0), cell(runs, "bce", 1)], [cell(runs, "focal", 0)]))
    assert [[(one.arm, one.seed) for one in side] for side in sides] == [[("bce", 0), ("bce", 1)], [("focal", 0)]]
    assert name_output(ask("x"), sides) == runs / "regions" / "bce-against-focal"
    assert name_output(ask("x", output="there"), sides) == Path("there")


def test_arms_are_found_in_a_folder_of_runs(runs: Path) -> None:
    sides = choose_sides(ask(str(runs), arm=["focal", "bce"]))
    assert [[(one.arm, one.seed) for one in side] for side in sides] == [
        [("focal", 0), ("focal", 1)],
        [("bce", 0), ("bce", 1)],
    ]


def test_seeds_against_seeds_of_the_same_settings_are_told_apart(runs: Path) -> None:
    sides = choose_sides(ask([cell(runs, "bce", 0)], [cell(runs, "bce", 1)]))
    assert [side[0].arm for side in sides] == ["resnet10 (folder)", "resnet10 (against)"]


def test_one_run_or_two_are_no_arms() -> None:
    assert not are_arms(ask("a"))
    assert not are_arms(ask("a", "b"))
    assert are_arms(ask("a", ["b", "c"]))
    assert are_arms(ask("a", arm=["bce", "focal"]))


def test_what_is_no_pair_of_arms_is_refused(runs: Path) -> None:
    bce = [cell(runs, "bce", seed) for seed in (0, 1)]
    focal = [cell(runs, "focal", seed) for seed in (0, 1)]
    refused = {
        "name the runs of the other": ask(bce),
        "folder= mixes the arms bce and focal": ask([bce[0], focal[0]], [focal[1]]),
        "stands on both sides": ask(bce, [bce[0]]),
        "is named twice on one side": ask([bce[0], bce[0]], focal),
        "has no arm 'asymmetric'; its arms are bce, focal": ask(str(runs), arm=["asymmetric", "bce"]),
        "it is two arms of one folder": ask(str(runs), arm="bce"),
        "is no run folder; of a folder of runs choose": ask([str(runs)], focal),
        "expected the folder of a run": ask([3], focal),
    }
    for message, settings in refused.items():
        with pytest.raises(UserError, match=message):
            choose_sides(settings)


@pytest.mark.parametrize(
    ("file", "keys", "message"),
    [
        ("certificate.json", ("data", "sha256"), "different data"),
        ("certificate.json", ("code", "sha256"), "different code"),
        ("summary.json", ("max_epochs",), r"different numbers of epochs"),
        ("summary.json", ("protocol", "threshold_source"), "different protocols: threshold_source"),
    ],
)
def test_arms_of_other_origin_are_refused(
    runs: Path, tmp_path: Path, file: str, keys: tuple[str, ...], message: str
) -> None:
    copy = Path(shutil.copytree(runs, tmp_path / "runs"))
    path = Path(cell(copy, "focal", 1)) / file
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = 99 if keys[-1] == "max_epochs" else "f" * 64
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        choose_sides(ask(str(copy), arm=["focal", "bce"]))
