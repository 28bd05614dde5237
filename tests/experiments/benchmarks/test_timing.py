"""Contenders take turns under a clock that is moved by hand."""

from types import SimpleNamespace

import pytest

from cxr_xai.experiments.benchmarks import timing


def test_turns_are_taken_and_the_first_round_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, order = [0.0], []
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    seconds = {"ours": iter([1000.0, 3.0, 1.0, 2.0]), "baseline": iter([0.0, 10.0, 90.0, 20.0])}

    def take(name: str) -> None:
        order.append(name)
        clock[0] += next(seconds[name])

    contenders = {name: (lambda name=name: take(name)) for name in seconds}
    assert timing.time_in_turns(contenders, repeats=3) == {"ours": 2.0, "baseline": 20.0}
    assert order == ["ours", "baseline"] * 4
