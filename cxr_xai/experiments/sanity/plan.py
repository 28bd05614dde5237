"""Which tables are asked for, what each reads of the settings, and what else it hangs on."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.errors import UserError
from cxr_xai.experiments.explaining import describe_background
from cxr_xai.experiments.reopen import find_run, hash_weights
from cxr_xai.experiments.require import require_numbers
from cxr_xai.experiments.sanity.subject import Subject
from cxr_xai.metrics.faithfulness.imputers import IMPUTERS

Settings = Mapping[str, Any]
CONTROLS = "controls"
"""The label of orders that no explainer made."""

_REMOVAL = ("cells", "steps", "imputers", "removals", "seed")
READS: dict[str, tuple[str, ...]] = {
    "random": (*_REMOVAL, "random_orders"),
    "prior": _REMOVAL,
    "faithfulness": _REMOVAL,
    "sensitivity": ("radius", "draws", "seed"),
    "randomization": ("seed",),
    "collapse": ("seed",),
    "equivariance": (),
    "repeatability": ("explainer_seeds", "others"),
    "findings": ("findings",),
}
"""The settings that change a table's numbers. ``max_studies`` shows in the names of the films, ``others`` in the hashes
of their weights; ``batch_size`` and ``bootstrap`` change no table."""

TESTS = tuple(name for name in READS if name not in ("random", "prior"))


@dataclass(frozen=True)
class Due:
    """A table.

    Attributes:
        label: of the explainer, or `CONTROLS`.
        test: a key of `READS`.
        one: the explainer's settings; none for controls.
        key: the hash of what it depends on.
    """

    label: str
    test: str
    one: Settings
    key: str


def require_settings(settings: Settings) -> None:
    """Refuse what cannot be measured before anything is opened.

    Raises:
        UserError: names the setting.
    """
    require_numbers(
        settings,
        max_studies=1,
        cells=2,
        steps=2,
        random_orders=1,
        removals=2,
        draws=1,
        findings=2,
        explainer_seeds=1,
        seed=0,
        bootstrap=1,
        batch_size=1,
    )
    radius = settings["radius"]
    if not isinstance(radius, int | float) or not 0 < radius <= 1:
        raise UserError(f"radius={radius}: expected a number above 0, at most 1: gray levels.")
    if settings["steps"] > settings["cells"] ** 2:
        raise UserError(f"steps={settings['steps']}: there are only {settings['cells'] ** 2} cells to remove.")
    for key, known in (("imputers", tuple(IMPUTERS)), ("tests", TESTS)):
        if unknown := [name for name in settings[key] if name not in known]:
            raise UserError(f"{key}: {unknown[0]} is none of {', '.join(known)}.")
    if not settings["imputers"] or not settings["tests"]:
        raise UserError("imputers and tests must name one at least.")


def plan_tables(subject: Subject, asked: Mapping[str, Settings], settings: Settings) -> Iterator[Due]:
    """Yield every table that is asked for, controls first."""
    if "faithfulness" in settings["tests"]:
        for test in ("random", "prior"):
            yield Due(CONTROLS, test, {}, make_key(subject, {}, None, test, settings))
    for label, one in asked.items():
        background = describe_background(one, subject.data)
        for test in settings["tests"]:
            yield Due(label, test, one, make_key(subject, one, background, test, settings))


def make_key(subject: Subject, one: Settings, background: Any, test: str, settings: Settings) -> str:
    """Return what a table depends on as one hash."""
    told = {key: settings[key] for key in READS[test] if key != "others"}
    networks, last = [], subject.folder.last
    if test == "repeatability":
        networks = [hash_weights(find_run(place)) for place in settings["others"]]
        networks += [hash_weights(subject.folder, last) if last.is_file() else ""]
    films = subject.boxed if test == "collapse" else subject.films
    pairs = list(films.table.itertuples(index=False, name=None))
    inputs = [subject.weights, dict(one), background, test, told, pairs, networks, hash_code("experiments/sanity/")]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
