"""The few numbers at the top, each with what it must be read beside."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cxr_xai.artifacts.plan import MACRO
from cxr_xai.findings import FINDINGS
from cxr_xai.report.format import duration, ends, is_known, number, percent
from cxr_xai.report.protocol import PlanShown
from cxr_xai.report.results import Results

AUROC = "Macro AUROC, test"
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


def make_tiles(results: Results, plan: PlanShown | None = None) -> list[Tile]:
    """Return the tiles: AUROC, skill, pointing, IoU, epochs, time spent explaining.

    With a plan, the scores say whether they were planned.
    """
    summary = results.summary
    auroc = _auroc_tile(summary["classification"]["test"], summary["label_only"])
    scores = [auroc, *_box_tiles(results.sealed)]
    if plan is not None:
        metrics = {AUROC: "auroc", SKILL: "skill"} | dict(SCORED)
        scores = [replace(tile, beside=(*tile.beside, _status(plan, metrics[tile.label]))) for tile in scores]
    return [*scores, *(_run_tiles(summary) if "seconds" in summary else [])]  # an evaluation trained nothing


def _status(plan: PlanShown, metric: str) -> str:
    return "exploratory" if plan.post_hoc else plan.plan.status(metric, MACRO)


def _auroc_tile(test: Mapping[str, Any], label_only: Mapping[str, Any] | None) -> Tile:
    auroc, views = test["macro"]["auroc"], test.get("by_view", {})
    by_view = ", ".join(f"{view} {number(views[view]['value'])}" for view in ("PA", "AP") if view in views)
    alone = "" if label_only is None else f"age, sex and view alone {number(label_only['macro']['value'])}"
    beside = _lines(_range(auroc), f"mean over {auroc['over']} of {len(FINDINGS)} findings", by_view, alone)
    return Tile(AUROC, number(auroc["value"]), beside)


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
