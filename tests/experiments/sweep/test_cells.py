"""Which cells there are, by hand and as a property."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.errors import UserError
from cxr_xai.experiments.sweep.cells import Ablation, Axis, expand, key_of, read_ablation, read_axis

SECTION: dict[str, Any] = {
    "reference": "none",
    "primary": "focal",
    "arms": {"none": ["loss=bce"], "focal": ["loss=focal"]},
}
FOLDS = Axis("fold", "split.fold", ("0", "1"), ("split=kfold",))
WORDS = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=4)


def test_arms_times_folds_by_hand() -> None:
    cells = expand(["trainer=cpu"], read_ablation("a", SECTION), [FOLDS])
    assert [" ".join(cell.overrides) for cell in cells] == [
        "trainer=cpu split=kfold split.fold=0 loss=bce arm=none",
        "trainer=cpu split=kfold split.fold=0 loss=focal arm=focal",
        "trainer=cpu split=kfold split.fold=1 loss=bce arm=none",
        "trainer=cpu split=kfold split.fold=1 loss=focal arm=focal",
    ]
    assert [cell.label() for cell in cells][1] == "focal fold 0"


def test_without_arms_and_axes_there_is_one_cell() -> None:
    [cell] = expand(["seed=3"], None, [])
    assert (cell.arm, cell.overrides) == (None, ("seed=3",))


def test_what_an_axis_brings_may_be_given_and_comes_once() -> None:
    cells = expand(["split=kfold"], None, [FOLDS])
    assert [cell.overrides for cell in cells] == [("split=kfold", f"split.fold={fold}") for fold in (0, 1)]


@given(WORDS, WORDS, st.integers(1, 5), st.integers(1, 4))
def test_cells_are_the_product(arms: list[str], models: list[str], folds: int, seeds: int) -> None:
    ablation = Ablation("a", arms[0], arms[-1], {arm: [f"loss={arm}"] for arm in arms})
    axes = [
        Axis("model", "model", tuple(models)),
        Axis("seed", "seed", tuple(map(str, range(seeds)))),
        Axis("fold", "split.fold", tuple(map(str, range(folds)))),
    ]
    cells = expand([], ablation, axes)
    assert len({cell.overrides for cell in cells}) == len(cells) == len(arms) * len(models) * folds * seeds
    for arm, model, seed in itertools.product(arms, models, range(seeds)):
        alike = [c for c in cells if (c.arm, c.point["model"], c.point["seed"]) == (arm, model, str(seed))]
        assert sorted(int(cell.point["fold"]) for cell in alike) == list(range(folds)), "every fold once"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "nothing"}, "ablation.reference=nothing: no such arm; ablation=a has none, focal."),
        ({"primary": "none"}, "ablation.primary=none is the reference"),
        ({"primary": ""}, "ablation=a has no primary"),
        ({"arms": {}}, "ablation=a has no arms"),
        ({"arms": {"none": "loss=bce"}}, "ablation.arms.none is 'loss=bce'; an arm is a list of overrides"),
        ({"arms": {"none": ["loss"]}}, r"ablation.arms.none is \['loss'\]"),
        ({"arms": {"a b": ["loss=bce"]}}, "ablation.arms.a b: the name of an arm"),
        ({"max_studies": "abc"}, "ablation.max_studies='abc': expected"),
        ({"max_studies": "25"}, "ablation.max_studies=25; it must be a whole number, 1 or more, or null"),
        ({"max_studies": 0}, "ablation.max_studies=0; it must be a whole number, 1 or more, or null"),
        ({"refrence": "none"}, "ablation.refrence: Ablation has no such setting. Did you mean 'reference'"),
    ],
)
def test_a_malformed_ablation_ends_in_a_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_ablation("a", {**SECTION, **change})


def test_an_axis_counts_from_zero() -> None:
    section = {"key": "seed", "count": 3, "overrides": []}
    assert read_axis("seed", section) == Axis("seed", "seed", ("0", "1", "2"))


@pytest.mark.parametrize("count", [0, "three", True, 1.5])
def test_an_axis_without_values_is_refused(count: object) -> None:
    with pytest.raises(UserError, match=r"sweep\.seed\.count is .*; it must be 1 or more"):
        read_axis("seed", {"key": "seed", "count": count, "overrides": []})


def test_an_axis_says_what_it_lacks() -> None:
    with pytest.raises(UserError, match=r"sweep\.seed has no key"):
        read_axis("seed", {"count": 1, "overrides": []})


@pytest.mark.parametrize(
    ("fixed", "axes", "message"),
    [
        (["loss=bce"], [], "loss=bce: ablation=a sets loss, too; leave one of them out"),
        (["split=patient"], [FOLDS], "split=patient: the folds of sweep= sets split, too"),
        (
            [],
            [Axis("split.fold", "split.fold", ("0",)), FOLDS],
            "split.fold=0 and the folds .* both set split.fold",
        ),
        ([], [Axis("loss", "loss", ("bce", "focal"))], "ablation=a and loss=bce,focal both set loss"),
    ],
)
def test_two_owners_of_one_key_are_refused(fixed: list[str], axes: list[Axis], message: str) -> None:
    with pytest.raises(UserError, match=message):
        expand(fixed, read_ablation("a", SECTION), axes)


def test_keys_lose_their_marks() -> None:
    assert [key_of(o) for o in ("a.b=1", "+a.b=1", "++a.b=1", "~a.b", "a@b=c")] == ["a.b"] * 4 + ["a"]
