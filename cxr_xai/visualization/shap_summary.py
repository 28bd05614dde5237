"""The summary of Shapley values as one picture: bars of importance, and beside them every value as a dot."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cxr_xai.visualization.bars import Bar
from cxr_xai.visualization.beeswarm import Swarm, spread

INK, MUTED, BLUE, ORANGE = "#1c2026", "#5d6673", "#2563a8", "#b4540a"
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
MOST = 1500
"""Dots of a line; of more, as many are drawn evenly spread over their sorted values."""
STEPS = 300
"""Places along the scale at which dots are pushed aside."""


def draw_shap_summary(bars: Sequence[Bar], swarms: Sequence[Swarm], title: str, note: str, unit: str) -> bytes:
    """Draw bars with their intervals at the left and the swarms of the same lines at the right, as PNG.

    Args:
        bars: one a line, from top to bottom.
        swarms: likewise; their labels name the lines.
        title: above.
        note: below, small: what was masked, how many films.
        unit: of the values.

    Returns:
        the bytes of the file, 1,650 pixels wide.
    """
    figure = Figure(figsize=(11, 1.6 + 0.46 * len(bars)), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 3))
    figure.suptitle(title, fontsize=12, color=INK)
    figure.supxlabel(note, fontsize=8, color=MUTED)
    lines = np.arange(len(bars))
    values = np.array([bar.value for bar in bars])
    ends = np.array([[bar.value - bar.low for bar in bars], [bar.high - bar.value for bar in bars]])
    left.barh(lines, values, height=0.62, color=BLUE)
    left.errorbar(values, lines, xerr=np.nan_to_num(np.maximum(ends, 0)), fmt="none", ecolor=INK, elinewidth=1.2)
    left.set_yticks(lines, [swarm.label for swarm in swarms])
    left.set_ylim(len(bars) - 0.5, -0.5)
    left.set_xlabel(f"importance: mean |{unit}|, 95 % intervals", fontsize=9, color=INK)
    _draw_swarms(right, swarms)
    right.set_xlabel(f"{unit}, one dot a film and finding", fontsize=9, color=INK)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        axes.tick_params(labelsize=9, colors=INK)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_swarms(axes: Axes, swarms: Sequence[Swarm]) -> None:
    known = [value for swarm in swarms for value in swarm.values if np.isfinite(value)]
    width = (max(known, default=1.0) - min(known, default=0.0)) / STEPS or 1.0
    axes.axvline(0, color=MUTED, linewidth=0.8, linestyle=":")
    for line, swarm in enumerate(swarms):
        value, present = _thin(np.array(swarm.values, np.float64), np.array(swarm.present, np.float64) == 1)
        steps = np.array(spread(value.tolist(), width), np.float64)
        aside = line + steps * min(0.06, 0.4 / max(np.abs(steps).max(initial=0), 1))
        for which, color, words in (
            (np.logical_not(present), BLUE, "finding not in the label"),
            (present, ORANGE, "in the label"),
        ):
            label = words if line == 0 else None
            axes.scatter(value[which], aside[which], s=5, c=color, alpha=0.65, linewidths=0, label=label)
    axes.legend(loc="lower right", fontsize=8, frameon=False, markerscale=2)


def _thin(value: Floats, present: Mask) -> tuple[Floats, Mask]:
    order = np.argsort(value)[: int(np.isfinite(value).sum())]
    if len(order) > MOST:
        order = order[np.linspace(0, len(order) - 1, MOST).round().astype(np.int64)]
    return value[order], present[order]
