"""How far a test is."""

import pytest

from cxr_xai.experiments.sanity import meter
from cxr_xai.experiments.sanity.meter import Meter


def test_the_bar_moves_by_films_and_leaves_with_the_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[int, int]] = []
    monkeypatch.setattr(meter, "ProgressBar", lambda words: lambda done, total: shown.append((done, total)))
    bar = Meter()
    bar.add(3)  # outside of a test nothing is shown
    bar.start("exact_cam: findings", 4)
    bar.add(3)
    bar.add(3)  # more than was foretold
    bar.stop()
    bar.stop()
    assert shown == [(0, 5), (3, 5), (4, 5), (5, 5)]
