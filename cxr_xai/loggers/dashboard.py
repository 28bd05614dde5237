"""What a dashboard of a sweep shows, in which order, and how to read it: plain, from the keys that its runs logged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cxr_xai.findings import FINDINGS
from cxr_xai.loggers.logged import Logged

Kind = Literal["lines", "bars", "pictures", "chart", "table"]
Whose = Literal["cells", "leaderboard", "aggregate"]
MOST = 8
"""Watched studies that have a panel of their own; the others stand in the list of media."""


@dataclass(frozen=True)
class View:
    """One panel.

    Attributes:
        kind: curves over epochs, bars by arm, pictures with a slider over epochs, a chart of W&B, a table.
        title: above.
        keys: that it shows; all of them were logged.
    """

    kind: Kind
    title: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Panels that answer one question.

    Attributes:
        name: of the section.
        whose: which runs they are about.
        words: how to read them.
        views: at least one.
    """

    name: str
    whose: Whose
    words: str
    views: tuple[View, ...]


@dataclass(frozen=True)
class Dashboard:
    """All of it, for one sweep.

    Attributes:
        sweep: the group of its runs.
        columns: numbers of the list of runs, the one it is sorted by first.
        parts: from top to bottom.
    """

    sweep: str
    columns: tuple[str, ...]
    parts: tuple[Part, ...]


COLUMNS = ("test/auroc/macro", "sealed/skill/macro", "sealed/iou/macro", "val/auroc/macro", "best/epoch", "flags")


def lay_out(sweep: str, by_kind: Mapping[Whose, Logged]) -> Dashboard:
    """Return the dashboard of a sweep; a panel whose keys nobody logged is left out, and a part without panels, too.

    Args:
        sweep: the group of its runs.
        by_kind: what was logged by the cells, and by the runs that stand over them.
    """
    logged = by_kind["cells"]
    parts = [
        Part("Headline", "cells", HEADLINE, _headline(logged)),
        Part("Curves", "cells", CURVES, _curves(logged)),
        Part("Localization probe", "cells", PROBE, _probe(logged)),
        Part("Maps by epoch", "cells", MAPS, _maps(logged)),
        Part("After training", "cells", AFTER, _after(logged)),
        Part("Per finding", "cells", FINDING, _per_finding(logged)),
        Part("Shortcuts", "cells", SHORTCUTS, _lists(logged, "bars", "reliance/", "Reliance on shortcuts")),
        Part("Leaderboard of explainers", "leaderboard", LEADERBOARD, _leaderboard(by_kind["leaderboard"])),
        Part("Aggregate", "aggregate", AGGREGATE, _aggregate(by_kind["aggregate"])),
    ]
    columns = tuple(key for key in COLUMNS if key in logged.numbers)
    return Dashboard(sweep, columns, tuple(part for part in parts if part.views))


def _views(kind: Kind, wanted: Iterable[tuple[str, Sequence[str]]], there: Iterable[str]) -> tuple[View, ...]:
    """Return a view for each title of whose keys some are there."""
    known = set(there)
    found = ((title, tuple(key for key in keys if key in known)) for title, keys in wanted)
    return tuple(View(kind, title, keys) for title, keys in found if keys)


def name_findings(logged: Logged, prefix: str) -> list[str]:
    """Return the findings that have a number of this kind, in the order of the house."""
    return [name for name in FINDINGS if f"{prefix}{name}" in logged.numbers]


def _headline(logged: Logged) -> tuple[View, ...]:
    wanted = (
        ("Test AUROC, mean over findings", ("test/auroc/macro",)),
        ("Skill on sealed boxes", ("sealed/skill/macro",)),
        ("IoU on sealed boxes", ("sealed/iou/macro",)),
        ("Flags raised", ("flags",)),
    )
    return _views("bars", wanted, logged.numbers)


def _curves(logged: Logged) -> tuple[View, ...]:
    wanted = (
        ("Loss on val", ("val/loss",)),
        ("Loss on train", ("train/loss",)),
        ("AUROC on val, mean over findings", ("val/auroc/macro",)),
        ("Guidance: mean term, before its weight", ("train/guidance",)),
    )
    return _views("lines", wanted, logged.numbers)


def _probe(logged: Logged) -> tuple[View, ...]:
    wanted = (
        ("Skill on watched boxes", ("probe/skill/macro",)),
        ("IoU on watched boxes, all pairs", ("probe/iou/micro", "probe/iou/macro")),
        ("Pointing game on watched boxes", ("probe/pointing/micro", "probe/pointing/macro")),
        ("Share of dead maps", ("probe/dead",)),
        *((f"IoU, {name.replace('_', ' ')}", (f"probe/iou/{name}",)) for name in name_findings(logged, "probe/iou/")),
    )
    return _views("lines", wanted, logged.numbers)


def _maps(logged: Logged) -> tuple[View, ...]:
    watched = sorted(key for key in logged.pictures if key.startswith("overlays/"))
    native = [key for key in sorted(logged.pictures) if key.startswith("maps/")]
    views = [View("pictures", f"Film under its map: {key.partition('/')[2]}", (key,)) for key in watched[:MOST]]
    return (*views, *(View("pictures", f"Boxes and region: {key.partition('/')[2]}", (key,)) for key in native[:MOST]))


def _after(logged: Logged) -> tuple[View, ...]:
    order = ("test/roc", "test/pr", "test/reliability", "val/roc", "val/pr")
    confusion = sorted(key for key in logged.charts if key.startswith("confusion/"))
    charts = tuple(
        View("chart", key, (key,)) for key in (*(key for key in order if key in logged.charts), *confusion[:MOST])
    )
    shown = ("sealed/overlays", *(f"gallery/{kind}/overlays" for kind in ("TP", "FP", "FN")))
    return charts + _views("pictures", ((key, (key,)) for key in shown), logged.pictures)


def _per_finding(logged: Logged) -> tuple[View, ...]:
    wanted = (
        *((f"Test AUROC, {n.replace('_', ' ')}", (f"test/auroc/{n}",)) for n in name_findings(logged, "test/auroc/")),
        *(
            (f"IoU on sealed boxes, {n.replace('_', ' ')}", (f"sealed/iou/{n}",))
            for n in name_findings(logged, "sealed/iou/")
        ),
    )
    return _views("bars", wanted, logged.numbers)


def _lists(logged: Logged, kind: Kind, prefix: str, title: str) -> tuple[View, ...]:
    keys = sorted(key for key in logged.numbers if key.startswith(prefix))
    return tuple(View(kind, f"{title}: {key.removeprefix(prefix)}", (key,)) for key in keys[: 2 * MOST])


def _overview(logged: Logged, figures: Sequence[str], begins: Sequence[str], tables: Sequence[str]) -> tuple[View, ...]:
    """Return figures, charts and tables of the runs that stand over others."""
    more = sorted(key for key in logged.pictures if key.startswith(tuple(begins)))
    drawn = [*(key for key in figures if key in logged.pictures), *more]
    return (
        *(View("pictures", key.rpartition("/")[2], (key,)) for key in drawn),
        *(View("chart", key.rpartition("/")[2], (key,)) for key in sorted(logged.charts)),
        *(View("table", key.rpartition("/")[2], (key,)) for key in tables if key in logged.tables),
    )


def _leaderboard(logged: Logged) -> tuple[View, ...]:
    figures = ("leaderboard/figures/ranking", "leaderboard/figures/differences")
    begins = ("leaderboard/figures/recall_", "leaderboard/shown/")
    return _overview(logged, figures, begins, ("leaderboard/explainers", "leaderboard/reliance"))


def _aggregate(logged: Logged) -> tuple[View, ...]:
    figures = [f"aggregate/figures/{name}" for name in ("differences", "arms", "findings")]
    tables = [f"aggregate/tables/{name}" for name in ("contrasts", "arms", "guidance", "runs")]
    return _overview(logged, figures, ("aggregate/figures/boxes_",), tables)


HEADLINE = (
    "One bar an arm: the mean over its folds and seeds; the whisker is their spread, which is no interval. AUROC says "
    "how well findings are ranked, skill how far maps get from the usual place of a finding (0) to the best map of "
    "this grid (1). A run with flags is to be read before its numbers are believed. Whether arms differ is said by the "
    "aggregate alone."
)
CURVES = (
    "Mean of an arm over folds and seeds, the band from the lowest to the highest. Val should flatten, not turn; where "
    "train falls and val rises, the later epochs learn studies by heart, and the best epoch is kept anyway."
)
PROBE = (
    "Maps on the watched half of the boxes, every epoch. It is for looking: no epoch, threshold or explainer may be "
    "chosen by it. Skill near 0 means that maps do no better than the usual place of a finding; dead maps have no "
    "positive evidence."
)
MAPS = (
    "The same study every epoch: move the slider. Green boxes are radiologists', dashed ones the map's. Evidence that "
    "settles in the box is a good sign; evidence that jumps, leaves the lungs or sits on a marker or drain warns."
)
AFTER = (
    "Curves of the best epoch. Curves of few positives are steps; read precision beside prevalence. Pictures are cases "
    "that were found (TP), claimed (FP) and missed (FN), and sealed boxes; a few cases prove nothing."
)
FINDING = "Bars by arm, the whisker is the spread over folds and seeds. Findings with few positives move most."
SHORTCUTS = "Of the phantom: how far the probability moves when a planted shortcut is taken out; less is better."
LEADERBOARD = (
    "Explainers of one network with 95 % intervals; pale ones are controls that see no film or no training. A method "
    "below a control has shown nothing. Differences are to the reference, p after Holm's correction. An explainer that "
    "was chosen here must not be reported on these boxes."
)
AGGREGATE = (
    "Arms on the same patients: differences with 95 % intervals, first the primary one, declared before; "
    "all others are corrected. An interval that holds 0 says that nothing was shown, not that arms are equal."
)
