"""What may be searched, how it is refused, and the override that a value becomes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.search.space import Entry, read_space, write_value

RANGE = {"low": 1e-5, "high": 1e-2}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, r"space is empty"),
        ({"low": 1, "high": 2}, r"space\.low: whose\?"),
        ({"optimizer": {"lr": {"lwo": 1, "high": 2}}}, r"optimizer\.lr\.lwo=1: unknown; an entry is made of low, high"),
        ({"optimizer": {"lr": {"low": 1e-3}}}, r"optimizer\.lr has no high"),
        ({"optimizer": {"lr": {"low": 1, "high": 0.1}}}, r"low=1 is not below high=0\.1"),
        ({"optimizer": {"lr": {"low": "a", "high": 1}}}, r"optimizer\.lr\.low=a; it must be a number"),
        ({"optimizer": {"lr": {"low": float("nan"), "high": 1}}}, r"lr\.low=nan; it must be a number"),
        ({"optimizer": {"lr": {"low": 0, "high": 0.1, "log": True}}}, r"log needs a low above 0, not 0"),
        ({"optimizer": {"lr": {**RANGE, "log": 1}}}, r"log=1; it must be true or false"),
        ({"optimizer": {"lr": {**RANGE, "log": True, "step": 1e-5}}}, r"has log and step"),
        ({"model": {"dropout": {"low": 0.0, "high": 0.5, "step": 0.2}}}, r"are no whole steps of 0\.2"),
        ({"model": {"dropout": {"low": 0.0, "high": 0.5, "step": 0}}}, r"are no whole steps of 0"),
        ({"model": {"choices": ["resnet10"]}}, r"must be a list of two or more"),
        ({"model": {"choices": ["resnet10", "resnet10"]}}, r"has one twice"),
        ({"model": {"options": {"choices": [[1], [2]]}}}, r"\[1\] is no plain value"),
        ({"model": {"choices": ["a", "b"], "low": 1}}, r"has choices and low"),
        ({"seed": {"low": 0, "high": 9}}, r"space\.seed: a lucky seed is no setting"),
        ({"split": {"fold": {"low": 0, "high": 4}}}, r"split\.fold: other patients in val"),
        ({"datamodule": {"choices": ["phantom", "nih"]}}, r"datamodule: other films in val"),
        ({"trainer": {"max_epochs": {"low": 1, "high": 9}}}, r"does not change what a run finds out"),
        ({"loss": {"choices": ["bce", "focal"]}}, r"changes what val/loss means"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_a_line(space: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_space(space, "val/loss")
    assert "\n" not in str(caught.value)


def test_entries_are_found_below_their_groups() -> None:
    section = {
        "model": {"choices": ["resnet10", "resnet50"], "dropout": {"low": 0, "high": 0.5}},
        "loss": {"choices": ["bce", "focal"]},
        "datamodule": {"batch_size": {"low": 16, "high": 64, "step": 16}},
        "optimizer": {"lr": RANGE, "weight_decay": None},
    }
    space = read_space(section, "val/auroc/macro")
    assert list(space) == ["model", "model.dropout", "loss", "datamodule.batch_size", "optimizer.lr"]
    assert [entry.whole for entry in space.values() if entry.choices is None] == [False, True, False]
    assert space["model.dropout"].edges() == (0.0, 0.5)


@given(st.floats(1e-8, 1e8), st.floats(1e-8, 1e8), st.floats(0, 1))
def test_a_settled_number_lies_in_its_range_and_settles_on_itself(one: float, other: float, at: float) -> None:
    low, high = sorted((one, other))
    entry = Entry("optimizer.lr", low=low, high=high, log=True)
    value = entry.settle(min(max(low + (high - low) * at, low), high))
    assert isinstance(value, float)
    assert low <= value <= high
    assert entry.settle(value) == value
    assert float(entry.override(value).partition("=")[2]) == value


@pytest.mark.parametrize("value", [None, True, 3, 1e-05, 0.3, "resnet10", "it's", "a,b", "null", "[1]"])
def test_a_written_value_is_read_as_itself(value: object) -> None:
    settings, _ = compose("train", [f"+model.options.x={write_value(value)}"])  # type: ignore[arg-type]
    assert settings["model"]["options"]["x"] == value
