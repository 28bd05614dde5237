"""What a search may try: ranges and choices of settings, as YAML writes them."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import UNHASHED

Value = str | int | float | bool | None
Space = dict[str, "Entry"]

WORDS = ("low", "high", "log", "step", "choices")
"""What an entry is written with; every other key below ``space`` is part of a setting's name."""

DIGITS = 4
"""Of a number that a run is given: commands stay readable, and no network feels the fifth."""

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")

REFUSED = {
    "split": "other patients in val make other values",
    "datamodule.reader": "other films in val make other values",
    "datamodule.root": "other films in val make other values",
    "seed": "a lucky seed is no setting; run the best one with sweep=seeds",
    "monitor": "all trials are judged by one value",
}
"""Settings that no search may vary, and why."""

OF_LOSS = ("loss", "balancing")
"""What changes the meaning of ``val/loss``."""


@dataclass(frozen=True)
class Entry:
    """One setting and what it may be.

    Attributes:
        key: of the setting, or a group.
        choices: or None for a range.
        low: smallest value; ``high``: largest.
        high: largest value.
        log: whether magnitudes are drawn evenly, not values.
        step: between neighbors; None leaves numbers free.
    """

    key: str
    choices: tuple[Value, ...] | None = None
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole: low, high and step are written without a point."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))

    def describe(self) -> dict[str, Any]:
        """Return what is set, as JSON gives it back: a tuple would come back as a list, and NaN equals no NaN.

        >>> Entry("model", ("resnet10", None)).describe(), Entry("x", low=1, high=3).describe()
        ({'choices': ['resnet10', None]}, {'low': 1, 'high': 3, 'log': False, 'step': None})
        """
        if self.choices is not None:
            return {"choices": list(self.choices)}
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}

    def edges(self) -> tuple[Value, ...]:
        """Return the values that are tried on the configuration before anything starts."""
        return (self.low, self.high) if self.choices is None else self.choices

    def settle(self, value: Value) -> Value:
        """Return the value that a run is given: a few digits of it, within the range.

        >>> Entry("optimizer.lr", low=1e-5, high=1e-2, log=True).settle(0.00031622776)
        0.0003162
        """
        if self.choices is not None or not isinstance(value, float):
            return value
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def override(self, value: Value) -> str:
        """Return the override that sets a value.

        >>> Entry("model", choices=("resnet10", None)).override("resnet10"), Entry("x", low=0.0, high=1.0).override(0.5)
        ('model=resnet10', 'x=0.5')
        """
        return f"{self.key}={write_value(self.settle(value))}"


def write_value(value: Value) -> str:
    """Write a value as an override does.

    >>> write_value(None), write_value(True), write_value(1e-05), write_value("a b"), write_value("resnet50")
    ('null', 'true', '1e-05', "'a b'", 'resnet50')
    """
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, str):
        plain = PLAIN.fullmatch(value) and value.lower() not in ("null", "true", "false", "nan", "inf", "yes", "no")
        return value if plain else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value)


def read_space(section: Mapping[str, Any], monitor: str) -> Space:
    """Check a space.

    Args:
        section: ``sweep.search.space``: settings below their groups, each with what it may be.
        monitor: the value that trials are judged by.

    Raises:
        UserError: names the entry, what is wrong with it, and what it should be.
    """
    if not isinstance(section, Mapping) or not section:
        raise UserError("sweep.search.space is empty; write sweep.search.space.optimizer.lr={low: 1e-5, high: 1e-2}.")
    space = {entry.key: entry for entry in _walk(section, ())}
    for key in space:
        require_searchable(key, monitor)
    return space


def _walk(section: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Entry]:
    entry = {key: value for key, value in section.items() if key in WORDS}
    below = {str(key): value for key, value in section.items() if key not in WORDS and value is not None}
    for key, value in below.items():
        if not isinstance(value, Mapping):
            where = ".".join(("sweep.search.space", *path, key))
            raise UserError(f"{where}={value}: unknown; an entry is made of {', '.join(WORDS[:-1])}, or of choices.")
    if entry and not path:
        raise UserError(f"sweep.search.space.{next(iter(entry))}: whose? Write it below a setting, optimizer.lr.")
    if entry:
        yield read_entry(".".join(path), entry)
    for key, value in below.items():
        yield from _walk(value, (*path, key))


def read_entry(key: str, entry: Mapping[str, Any]) -> Entry:
    """Check one entry.

    Raises:
        UserError: it is neither a range nor choices, or what it says cannot be drawn from.
    """
    where = f"sweep.search.space.{key}"
    if "choices" in entry:
        if len(entry) > 1:
            raise UserError(f"{where} has choices and {min(entry.keys() - {'choices'})}; use one of the two.")
        return Entry(key, _read_choices(where, entry["choices"]))
    if absent := [word for word in ("low", "high") if word not in entry]:
        raise UserError(f"{where} has no {absent[0]}; an entry is {{low, high}}, with log or step, or {{choices}}.")
    low, high, step, log = entry["low"], entry["high"], entry.get("step"), entry.get("log", False)
    for word, number in (("low", low), ("high", high), ("step", step)):
        if not _is_number(number) and not (word == "step" and number is None):
            raise UserError(f"{where}.{word}={number}; it must be a number.")
    if not low < high:
        raise UserError(f"{where}: low={low} is not below high={high}.")
    if not isinstance(log, bool):
        raise UserError(f"{where}.log={log}; it must be true or false.")
    if log and low <= 0:
        raise UserError(f"{where}: log needs a low above 0, not {low}.")
    if step is not None:
        _check_step(where, low, high, step, log)
    whole = all(isinstance(number, int) for number in (low, high, step or 1))
    return Entry(key, None, low if whole else float(low), high if whole else float(high), log, step)


def _read_choices(where: str, choices: Any) -> tuple[Value, ...]:
    if not isinstance(choices, list) or len(choices) < 2:
        raise UserError(f"{where}.choices={choices}; it must be a list of two or more.")
    if odd := next((c for c in choices if not (c is None or isinstance(c, str | int | float | bool))), None):
        raise UserError(f"{where}.choices: {odd} is no plain value; use words, numbers, true, false or null.")
    if len({repr(choice) for choice in choices}) < len(choices):
        raise UserError(f"{where}.choices={choices} has one twice; leave it out.")
    return tuple(choices)


def _check_step(where: str, low: float, high: float, step: float, log: bool) -> None:
    if log:
        raise UserError(f"{where} has log and step; use one of the two.")
    steps = (high - low) / step if step > 0 else 0.0
    if steps < 1 or abs(steps - round(steps)) > 1e-6:
        raise UserError(f"{where}: from low={low} to high={high} are no whole steps of {step}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def require_searchable(key: str, monitor: str) -> None:
    """Refuse a setting by which trials could not be told apart, or compared.

    Raises:
        UserError: names it and why.
    """
    where = f"sweep.search.space.{key}"
    for refused, why in REFUSED.items():
        if key == refused or key.startswith(f"{refused}."):
            raise UserError(f"{where}: {why}.")
    if key == "datamodule":
        raise UserError(f"{where}: {REFUSED['datamodule.root']}.")
    if same := next((u for u in UNHASHED if key == u or key.startswith(f"{u}.")), None):
        raise UserError(f"{where}: {same} does not change what a run finds out, so all trials would be one run.")
    if monitor == "val/loss" and key.partition(".")[0] in OF_LOSS:
        raise UserError(
            f"{where} changes what val/loss means, so trials could not be compared by it; use "
            "monitor=val/auroc/macro, and mode=max where that is asked for."
        )
