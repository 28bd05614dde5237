"""A search is refused before anything starts, and a trial's cell is a function of its parameters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.search.settings import Pruning, Search, make_cell, read_asked, read_search
from cxr_xai.experiments.search.space import Entry
from cxr_xai.experiments.sweep.plan import Request

MakeSearch = Callable[..., Search]


def test_the_shipped_space_is_read(make_search: MakeSearch) -> None:
    asked = make_search().asked
    assert (asked.trials, asked.monitor, asked.largest) == (30, "val/loss", False)
    assert asked.prune == Pruning(2, 0)
    assert list(asked.space) == ["optimizer.lr"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.lr=1e-3", r"optimizer\.lr=1e-3: the space of sweep=search sets optimizer\.lr, too"),
        ("sweep.search.trials=0", r"sweep\.search\.trials=0: expected a whole number of at least 1"),
        ("sweep.search.prune.warmup=-1", r"sweep\.search\.prune\.warmup=-1: expected a whole number"),
        ("sweep.search.monitor=test/auroc/macro", r"only values of val may judge a trial"),
        ("sweep.search.monitor=probe/iou", r"only values of val may judge a trial"),
        ("+sweep.search.space.scheduler.patiense={low: 1, high: 2}", r"patiense=1: no configuration key"),
        ("+sweep.search.space.model={choices: [resnet10, resnet11]}", r"model=resnet11: no such member"),
        ("+sweep.search.startupp=3", r"sweep\.search\.startupp: Asked has no such setting\. Did you mean 'startup'"),
    ],
)
def test_a_mistake_is_refused(make_search: MakeSearch, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_search(override)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"sections": {"sweep": {"search": {}, "fold": {}}}}, r"tries each setting once, without folds"),
        ({"ablation": "balancing", "sections": {"sweep": {"search": {}}}}, r"ablation=balancing compares arms"),
        (
            {"commas": {"seed": ["1", "2"]}, "sections": {"sweep": {"search": {}}}},
            r"write \+sweep\.search\.space\.seed=",
        ),
        ({"jobs": 0, "sections": {"sweep": {"search": {}}}}, r"hydra\.launcher\.jobs=0"),
    ],
)
def test_a_search_is_no_grid_and_compares_no_arms(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_search(Request("command", **parts), lambda overrides: compose("train", overrides))


def test_a_folder_is_a_function_of_the_parameters(make_search: MakeSearch, tmp_path: Path) -> None:
    search = make_search()
    one, same, other = (search.plan({"optimizer.lr": value}) for value in (1e-3, 1e-3, 2e-3))
    assert one.folder.path == same.folder.path != other.folder.path
    assert one.cell.point == {"optimizer.lr": "0.001"}
    assert one.home == tmp_path / "find"


def test_groups_are_chosen_before_the_settings_of_their_members() -> None:
    space = {"model.dropout": Entry("model.dropout", low=0.0, high=1.0), "model": Entry("model", ("resnet10", "x"))}
    cell = make_cell(["seed=1"], space, {"model.dropout": 0.5, "model": "x"})
    assert cell.overrides == ("seed=1", "model=x", "model.dropout=0.5")
    assert cell.point == {"model.dropout": "0.5", "model": "x"}


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UserError, match=r"sweep\.search has no monitor; conf/sweep/search\.yaml"):
        read_asked({"trials": 3})
