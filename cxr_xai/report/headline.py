"""The few numbers at the top, each with what it must be read beside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxr_xai.findings import FINDINGS
from cxr_xai.report.format import duration, ends, is_known, number, percent
from cxr_xai.report.results import Results

SKILL = "Skill on sealed boxes"
SCORED = (("Pointing, sealed", "pointing"), ("IoU, sealed", "iou"))


@dataclass(frozen=True)
class Tile:
    """One headline number.

    Attributes:
        label: what it is.
        value: the number.
        beside: interval and references, line by line.
    """

    label: str
    value: str
    beside: tuple[str, ...]


def make_tiles(results: Results) -> list[Tile]:
    """Return the tiles: AUROC, skill, pointing, IoU, epochs, time spent explaining."""
    summary = results.summary
    return [_auroc_tile(summary["classification"]["test"]), *_box_tiles(results.sealed), *_run_tiles(summary)]


def _auroc_tile(test: Mapping[str, Any]) -> Tile:
    auroc, views = test["macro"]["auroc"], test.get("by_view", {})
    by_view = ", ".join(f"{view} {number(views[view]['value'])}" for view in ("PA", "AP") if view in views)
    beside = _lines(_range(auroc), f"mean over {auroc['over']} of {len(FINDINGS)} findings", by_view)
    return Tile("Macro AUROC, test", number(auroc["value"]), beside)


def _box_tiles(sealed: Mapping[str, Any] | None) -> list[Tile]:
    if sealed is None:
        return [Tile(SKILL, "–", ("no sealed boxes were scored",))]
    macro, micro = sealed["macro"], sealed["micro"]
    dead = f"{micro['dead']} of {micro['pairs']} maps dead, scored 0" if micro["dead"] else ""
    if not macro["over"]:
        all_pairs = f"mean over all {micro['pairs']} pairs"
        tiles = [
            Tile(label, number(micro[key]["value"]), _lines(_range(micro[key]), all_pairs)) for label, key in SCORED
        ]
        return [Tile(SKILL, "–", _lines("no finding has 20 sealed boxes, so there is none", dead)), *tiles]
    beside = _lines(_range(macro["skill"]), f"0 prior · 1 ceiling · mean over {macro['over']} findings", dead)
    tiles = [Tile(SKILL, number(macro["skill"]["value"]), beside)]
    for label, key in SCORED:
        prior, ceiling = macro[f"prior_{key}"]["value"], macro.get(f"ceiling_{key}", {}).get("value")
        references = f"prior {number(prior)}" + (f" · ceiling {number(ceiling)}" if is_known(ceiling) else "")
        tiles.append(Tile(label, number(macro[key]["value"]), _lines(_range(macro[key]), references)))
    return tiles


def _run_tiles(summary: Mapping[str, Any]) -> list[Tile]:
    seconds = summary["seconds"]
    stopped = "stopped early" if summary["stopped_early"] else f"of at most {summary['max_epochs']}"
    epochs = Tile("Epochs", str(summary["epochs"]), (stopped, f"best: epoch {summary['best_epoch']} (counted from 0)"))
    share = summary["explain_share"]
    time = (f"{duration(seconds['explain'])} of {duration(seconds['fit'])}",)
    return [
        epochs,
        Tile("Time spent explaining", percent(share), time if is_known(share) else ("nothing was explained",)),
    ]


def _range(entry: Mapping[str, float | None]) -> str:
    inside = ends(entry)
    return f"95 % interval {inside}" if inside else ""


def _lines(*lines: str) -> tuple[str, ...]:
    return tuple(line for line in lines if line)
