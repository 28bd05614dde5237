"""How long tests will take, told before they start."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from cxr_xai.experiments.sanity.plan import CONTROLS, Due
from cxr_xai.experiments.sanity.subject import Films, Subject, stages_of
from cxr_xai.experiments.terminal import console
from cxr_xai.explainers.contract import Explainer
from cxr_xai.metrics.faithfulness.imputers import IMPUTERS
from cxr_xai.metrics.sanity.repeatability import MILD
from cxr_xai.report.format import duration

Settings = Mapping[str, Any]
PATIENCE = 5.0
"""Seconds above which a call is not timed again; the first one also loads libraries and background."""


def count_explained(subject: Subject, due: Due, settings: Settings) -> int:
    """Return how many films a test has explained, beside the plain maps that all tests share."""
    if due.label == CONTROLS:
        return 0
    films, stages = len(subject.films.image), len(stages_of(subject.model))
    seeds = settings["explainer_seeds"] if "seed" in due.one else 0
    counts: dict[str, int] = {
        "faithfulness": 0,
        "sensitivity": films * (settings["draws"] + 1),
        "randomization": films * 2 * stages,
        "collapse": len(subject.boxed.image) * (stages + 1),
        "equivariance": films * len(MILD),
        "repeatability": films * (seeds + len(settings["others"]) + 1),
        "findings": films,
    }
    return counts[due.test]


def count_predicted(subject: Subject, due: Due, settings: Settings) -> int:
    """Return how many films are predicted with cells removed, under each imputer."""
    if due.test not in ("faithfulness", "random", "prior"):
        return 0
    films, pairs = len(subject.films.image), len(subject.films.table)
    orders = films * int(settings["random_orders"]) if due.test == "random" else pairs
    return orders * 2 * (int(settings["steps"]) - 1)


def count_films(subject: Subject, due: Due, settings: Settings) -> int:
    """Return how many films a test passes, for its bar."""
    return count_explained(subject, due, settings) + count_predicted(subject, due, settings) * len(settings["imputers"])


def print_estimate(
    subject: Subject, due: Sequence[Due], explainers: Callable[[str], Explainer], settings: Settings
) -> None:
    """Time one film with every explainer and under every imputer, and say what the tables that are due will take.

    Args:
        subject: the network and its films.
        due: tables that are not there yet.
        explainers: label → the explainer.
        settings: of the tests.
    """
    labels = list(dict.fromkeys(one.label for one in due))
    removed = sum(count_predicted(subject, one, settings) for one in due)
    filling = {name: time_imputer(subject, name) for name in settings["imputers"]} if removed else {}
    explaining = {label: time_explainer(subject, explainers(label)) for label in labels if label != CONTROLS}
    spent = dict.fromkeys(labels, 0.0)
    for one in due:
        spent[one.label] += count_predicted(subject, one, settings) * sum(filling.values())
        spent[one.label] += count_explained(subject, one, settings) * explaining.get(one.label, 0.0)
    for label, seconds in explaining.items():
        spent[label] += len(subject.films.image) * seconds
    each = [f"{label} {duration(seconds)}" for label, seconds in spent.items()]
    console.print(f"about [bold]{duration(sum(spent.values()))}[/] on {subject.device}: {', '.join(each)}")
    films = [f"{label} {seconds:.2g} s" for label, seconds in explaining.items()]
    films += [f"filled by {name} and predicted {seconds:.2g} s" for name, seconds in filling.items()]
    console.print(f"one film: {', '.join(films)}. Fewer max_studies, tests or imputers take less.")


def time_explainer(subject: Subject, explainer: Explainer) -> float:
    """Return the seconds of explaining the first film's pairs."""
    films = subject.films
    mine = np.flatnonzero(films.position == films.position[0])
    film = Films(films.image[:1], films.table.iloc[mine], films.position[mine] * 0, films.finding[mine])
    return fastest(lambda: subject.explain(explainer, film))


def time_imputer(subject: Subject, name: str) -> float:
    """Return the seconds of filling and predicting one of a few films, half removed."""
    image = subject.films.image[:1].expand(8, -1, -1, -1).to(subject.device)
    imputer, half = IMPUTERS[name](), (subject.size[0] // 8, subject.size[1] // 8)
    lot = torch.rand(8, 1, *half, generator=torch.Generator().manual_seed(0)) < 0.5
    removed = F.interpolate(lot.float(), subject.size, mode="nearest").to(image) > 0.5
    fill = imputer.fill(image)
    return fastest(lambda: subject.predict(imputer.impute(image, fill, removed))) / len(image)


def fastest(work: Callable[[], Any]) -> float:
    """Return the seconds of a call, of the shorter one of two where it does not take long."""
    seconds: list[float] = []
    while len(seconds) < 2 and (not seconds or seconds[0] < PATIENCE):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
