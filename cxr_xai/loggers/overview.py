"""What stands over several runs, ready to be shown somewhere: plain numbers, tables, pictures and charts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Kind = Literal["aggregate", "leaderboard"]


class Bars(NamedTuple):
    """A bar for every row of a table.

    Attributes:
        table: its key.
        label: the column that names the bars.
        value: the column of their lengths.
        title: above.
    """

    table: str
    label: str
    value: str
    title: str


class Curves(NamedTuple):
    """Curves over one axis.

    Attributes:
        x: ``(P,)`` places.
        series: name → ``(P,)`` values.
        title: above.
        axis: what x is.
    """

    x: list[float]
    series: Mapping[str, list[float]]
    title: str
    axis: str


@dataclass(frozen=True)
class Overview:
    """A leaderboard or an aggregate as a place for dashboards takes it; nothing in it identifies a patient.

    Attributes:
        kind: what it is.
        config: what it is about; settings that its numbers depend on.
        numbers: flat key → value, so that a list of runs can be sorted by it; NaN is undefined.
        tables: key → text and numbers.
        pictures: key → ``(H, W, 3)`` RGB and their captions.
        bars: key → a chart that can be pointed at.
        curves: likewise.
    """

    kind: Kind
    config: Mapping[str, Any]
    numbers: Mapping[str, float]
    tables: Mapping[str, pd.DataFrame]
    pictures: Mapping[str, list[tuple[npt.NDArray[np.uint8], str]]]
    bars: Mapping[str, Bars] = field(default_factory=dict)
    curves: Mapping[str, Curves] = field(default_factory=dict)
