"""How many films the tests pass."""

from types import SimpleNamespace
from typing import Any

import torch

from cxr_xai.experiments.sanity.estimate import count_explained, count_films, count_predicted, fastest
from cxr_xai.experiments.sanity.plan import CONTROLS, Due
from cxr_xai.models.classifier import build_classifier

SETTINGS = {
    "steps": 5,
    "random_orders": 3,
    "draws": 4,
    "explainer_seeds": 2,
    "others": ["a"],
    "imputers": ["mean", "blur"],
}


def subject() -> Any:
    films = SimpleNamespace(image=torch.zeros(2, 1, 8, 8), table=range(3))
    boxed = SimpleNamespace(image=torch.zeros(5, 1, 8, 8))
    return SimpleNamespace(films=films, boxed=boxed, model=build_classifier("resnet10t"))  # of 7 stages


def test_films_are_counted() -> None:
    def explained(test: str, **one: int) -> int:
        return count_explained(subject(), Due("one", test, one, ""), SETTINGS)

    assert explained("sensitivity") == 2 * 5
    assert explained("randomization") == 2 * 2 * 7
    assert explained("collapse") == 5 * 8
    assert explained("repeatability") == 2 * 2
    assert explained("repeatability", seed=0) == 2 * 4
    chance, mine = Due(CONTROLS, "random", {}, ""), Due("one", "faithfulness", {}, "")
    assert count_predicted(subject(), chance, SETTINGS) == 2 * 3 * 2 * 4  # films, orders, modes, inner steps
    assert count_predicted(subject(), mine, SETTINGS) == 3 * 2 * 4
    assert count_films(subject(), mine, SETTINGS) == 2 * 24


def test_a_quick_call_is_timed_twice() -> None:
    calls: list[int] = []
    assert 0 <= fastest(lambda: calls.append(1)) < 1
    assert len(calls) == 2
