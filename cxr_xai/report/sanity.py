"""The page about tests of explainers: every score beside its controls, curves, and what would speak against a map."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cxr_xai.artifacts.sanity_folder import SanityFolder
from cxr_xai.files import whole
from cxr_xai.report.format import or_nan
from cxr_xai.report.page import HERE, NAMES, describe_phantom, make_environment
from cxr_xai.visualization.lines import Line, draw_lines
from cxr_xai.visualization.svg import STYLE

TITLES = {
    "faithfulness": "Faithfulness",
    "sensitivity": "Sensitivity to noise",
    "randomization": "Randomized networks",
    "collapse": "Pointing of randomized networks",
    "equivariance": "Mild changes of the film",
    "repeatability": "Seeds and networks",
    "findings": "Several findings of one film",
}
LEADS = {
    "faithfulness": "Cells of the film are removed in the order of the map, of chance, and of the finding's usual "
    "place (the class box prior, which never sees the film). Areas are under logits, 1 at the intact and 0 at the "
    "fully removed film. A map that does no better than the prior says where the finding usually is.",
    "sensitivity": "The largest relative change of the map under noise that nobody sees. Low alone is no merit: a map "
    "that never looks at the film scores 0. Beside it stands a map that is the film itself.",
    "randomization": "The network forgets from the head down (weights, BatchNorm's scale and statistics), or one stage "
    "alone. Maps should come down to how alike the maps of different patients' films are, or maps drawn by lot.",
    "collapse": "Hits of the boxes that are left when the network knows nothing were never its evidence. Monitored "
    "boxes; dead maps count 0.",
    "equivariance": "The map of a shifted, turned, scaled or brighter film against the map of the film, moved alike. "
    "Beside it a map that stays where it was.",
    "repeatability": "Maps of the same film and finding over the explainer's seeds and over networks, beside maps of "
    "the same finding on another patient's film.",
    "findings": "Maps of two findings on one film, beside the same two findings on films of two patients. What is "
    "above it, the maps share because they come from one film.",
}
WORDS = {
    "deletion": "deletion area",
    "insertion": "insertion area",
    "road": "ROAD, LeRF − MoRF",
    "sensitivity_n": "sensitivity-n",
    "infidelity": "infidelity",
    "max_sensitivity": "max-sensitivity",
    "spearman_abs": "rank correlation of |map|",
    "spearman": "rank correlation",
    "top_overlap": "IoU of top tenths",
    "pointing": "pointing game",
    "energy": "energy in box",
    "displacement": "peak moves, px",
    "icc": "ICC(2,1)",
}
BEHIND = {"randomization": ("spearman", "top_overlap"), "collapse": ("energy",)}
"""Measures that are folded away."""


def write_sanity_report(folder: SanityFolder) -> Path:
    """Write ``report.html`` from ``summary.json``, and return its path.

    Raises:
        UserError: nothing was tested here.
    """
    summary = folder.read_summary()
    page = make_environment().get_template("sanity.html").render(make_context(summary))
    with whole(folder.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return folder.report


def make_context(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Put together everything the template names."""
    protocol = summary["protocol"]
    phantom = protocol["source"] == "phantom"
    made = [make_test(test, summary) for test in summary["settings"]["tests"]]
    return {
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "summary": summary,
        "source": NAMES.get(protocol["source"], protocol["source"]),
        "phantom": phantom,
        "about_words": describe_phantom(protocol["about"]) if phantom else "",
        "made_by": summary["code"]["version"],
        "tests": [test for test in made if test["rows"]],
        "empty": [test["title"] for test in made if not test["rows"]],
    }


def make_test(test: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return one test's table, its controls' names, and its figures."""
    rows = [
        {**line, "explainer": label, "words": WORDS[line["measure"]]}
        for label, entry in summary["explainers"].items()
        for line in entry["lines"]
        if line["test"] == test
    ]
    figures = {"faithfulness": draw_curves, "randomization": draw_likeness, "collapse": draw_likeness}
    draw = figures.get(test)
    return {
        "key": test,
        "title": TITLES[test],
        "lead": LEADS[test],
        "controls": list(dict.fromkeys(name for row in rows for name in row["controls"])),
        "rows": rows,
        "main": [row for row in rows if row["measure"] not in BEHIND.get(test, ())],
        "more": [row for row in rows if row["measure"] in BEHIND.get(test, ())],
        "figures": [] if draw is None else list(draw(summary, test)),
    }


def draw_curves(summary: Mapping[str, Any], test: str) -> Iterator[dict[str, Any]]:
    """Draw the mean curves of every explainer, imputer and mode, with those of chance and prior."""
    for label, entry in summary["explainers"].items():
        by_place = {
            (one["condition"], one["mode"], name): one for name, curves in entry["curves"].items() for one in curves
        }
        for imputer in summary["settings"]["imputers"]:
            for mode in ("deletion", "insertion"):
                chosen = {name: by_place.get((imputer, mode, name)) for name in (label, "random", "prior")}
                lines = [Line(name, one["share"], one["mean"]) for name, one in chosen.items() if one is not None]
                heading = f"{label}: {mode}, {imputer.replace('_', ' ')}"
                if lines:
                    alt = f"{heading}: relative logit over the share of cells, beside chance and prior"
                    yield {"heading": heading, "svg": Markup(draw_lines(lines, alt, axis="% of cells"))}


def draw_likeness(summary: Mapping[str, Any], test: str) -> Iterator[dict[str, Any]]:
    """Draw what is left of each explainer's maps, stage by stage from the head down, beside the last control."""
    measure = "spearman_abs" if test == "randomization" else "pointing"
    for label, entry in summary["explainers"].items():
        mine = [line for line in entry["lines"] if (line["test"], line["measure"]) == (test, measure)]
        down = [line for line in mine if not line["condition"].startswith("only ")]
        if not down:
            continue
        first = 0 if test == "collapse" else 1
        stages = list(range(first, len(down) + first))
        control = "other film" if test == "randomization" else "prior"
        beside = [or_nan(line["controls"].get(control, {}).get("value")) for line in down]
        lines = [
            Line(label, stages, [or_nan(line["value"]) for line in down]),
            Line(control, stages, beside),
        ]
        heading = f"{label}: {WORDS[measure]}"
        alt = f"{heading} over the number of randomized stages, beside {control}"
        yield {"heading": heading, "svg": Markup(draw_lines(lines, alt, axis="randomized stages"))}
