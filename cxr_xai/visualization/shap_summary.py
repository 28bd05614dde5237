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
    figure, (left, right) = _make_figure(len(bars), (2, 3), title, note)
    _draw_bars(left, [bars], [swarm.label for swarm in swarms], unit)
    _draw_swarms(right, swarms)
    right.set_xlabel(f"{unit}, one dot a film and finding", fontsize=9, color=INK)
    return _finish(figure)


def draw_two_summaries(
    bars: Sequence[Sequence[Bar]], swarms: Sequence[Sequence[Swarm]], names: Sequence[str], note: str, unit: str
) -> bytes:
    """Draw bars of two arms at the left and the swarms of each at the right of them, on one scale, as PNG.

    Args:
        bars: the two of each line, from top to bottom.
        swarms: of the first arm and of the second, a swarm a line.
        names: of the arms.
        note: as in `draw_shap_summary`.
        unit: likewise.

    Returns:
        the bytes of the file, 1,650 pixels wide.
    """
    title = f"Which regions move the logits: {names[0]} and {names[1]}"
    figure, (left, *rest) = _make_figure(len(bars), (2, 2, 2), title, note)
    _draw_bars(left, list(zip(*bars, strict=True)), [swarm.label for swarm in swarms[0]], unit, names)
    for axes, own, name in zip(rest, swarms, names, strict=True):
        _draw_swarms(axes, own)
        axes.set_title(name, fontsize=9, color=INK)
        axes.set_xlabel(f"{unit}, one dot a film and finding", fontsize=9, color=INK)
    rest[1].sharex(rest[0])
    rest[0].autoscale()
    rest[0].set_ylim(len(bars) - 0.5, -0.5)
    return _finish(figure)


def _make_figure(lines: int, widths: Sequence[int], title: str, note: str) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(11, 1.6 + 0.46 * lines), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(widths), sharey=True, width_ratios=widths)
    figure.suptitle(title, fontsize=12, color=INK)
    figure.supxlabel(note, fontsize=8, color=MUTED)
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=9, colors=INK)
    return figure, axes


def _draw_bars(
    axes: Axes, series: Sequence[Sequence[Bar]], labels: Sequence[str], unit: str, names: Sequence[str] = ("",)
) -> None:
    lines, height = np.arange(len(labels)), 0.62 / len(series)
    for number, (bars, name) in enumerate(zip(series, names, strict=True)):
        at = lines + (number - (len(series) - 1) / 2) * height
        values = np.array([bar.value for bar in bars])
        ends = np.array([[bar.value - bar.low for bar in bars], [bar.high - bar.value for bar in bars]])
        axes.barh(at, values, height=height, color=(BLUE, ORANGE)[number], label=name or None)
        axes.errorbar(values, at, xerr=np.nan_to_num(np.maximum(ends, 0)), fmt="none", ecolor=INK, elinewidth=1.2)
    axes.set_yticks(lines, labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(f"importance: mean |{unit}|, 95 % intervals", fontsize=9, color=INK)
    if len(series) > 1:
        axes.legend(loc="lower right", fontsize=8, frameon=False)


def _finish(figure: Figure) -> bytes:
    for axes in figure.axes:
        axes.locator_params(axis="x", nbins=5)
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
