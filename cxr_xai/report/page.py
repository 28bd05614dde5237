"""What the template shows, and the page it makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cxr_xai.artifacts.protocol import read_card
from cxr_xai.findings import FINDINGS
from cxr_xai.report.confusion import count_cells
from cxr_xai.report.figures import draw_aurocs, draw_curves, draw_found, draw_localization, draw_published, skill_words
from cxr_xai.report.format import FILTERS, number
from cxr_xai.report.headline import make_tiles
from cxr_xai.report.panels import KINDS, make_boxed, make_gallery, make_strips
from cxr_xai.report.protocol import count_kinds, describe_guidance, describe_weights, list_facts, list_reads, show_plan
from cxr_xai.report.published import published_boxes, published_means, wang_by_finding, why_no_boxes, why_not
from cxr_xai.report.reliability import describe_rule, draw_reliabilities
from cxr_xai.report.results import Results
from cxr_xai.report.selection import describe_choice, draw_choice
from cxr_xai.report.statements import draw_statements
from cxr_xai.report.tables import p_value
from cxr_xai.visualization.svg import STYLE

HERE = Path(__file__).parent
NAMES = {
    "nih": "NIH ChestX-ray14",
    "phantom": "Chest phantom (synthetic films)",
    "vindr": "VinDr-CXR 1.0.0",
    "rsna": "RSNA Pneumonia 2018 (films of NIH)",
    "chexpert": "CheXpert v1.0",
}
PARTS = ("train", "val", "test", "selection", "external")


def render_page(results: Results) -> str:
    """Return the page as one HTML text that loads nothing."""
    return make_environment().get_template("template.html").render(make_context(results))


def make_environment() -> Environment:
    """Return what templates are read with: everything escaped, a missing name is an error."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(FILTERS, skill=skill_words, p_value=p_value)
    return environment


def make_context(results: Results) -> dict[str, Any]:
    """Put together everything the template names."""
    summary, test = results.summary, results.summary["classification"]["test"]
    card, plan = read_card(summary["protocol"]), show_plan(results.certificate, results.ledger)
    unsure = results.certificate.get("unsure", ())
    reason, boxes_reason = why_not(card, unsure), why_no_boxes(card, unsure)
    halves = [
        (explainer, half, rows)
        for explainer, both in summary["localization"].items()
        for half, rows in sorted(both.items(), key=lambda item: item[0] != "sealed")
    ]
    return {
        **read_identity(results),
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "script": Markup((HERE / "script.js").read_text()),
        "summary": summary,
        "reliance": summary.get("reliance"),
        "drains": results.drains,
        "statements": results.statements,
        "statements_figure": Markup(draw_statements(results.statements)),
        "certificate": results.certificate,
        "guided": describe_guidance(results.certificate),
        "first_weights": describe_weights(results.certificate),
        "findings": FINDINGS,
        "parts": [part for part in PARTS if part in results.certificate["split"]["images"]],
        "tiles": make_tiles(results, plan),
        "protocol_facts": list_facts(card),
        "plan": plan,
        "exploratory": frozenset() if plan is None else plan.exploratory,
        "reads": list_reads(results.ledger),
        "read_counts": count_kinds(results.ledger),
        "test": test,
        "scored_part": "test",
        "val": summary["classification"]["val"],
        "auroc_figure": Markup(draw_aurocs(test, reason is None)),
        "why_not": reason,
        "reliabilities": [
            {**drawn, "figure": Markup(drawn["figure"])} for drawn in draw_reliabilities(results.predictions)
        ],
        "rule": describe_rule(test["findings"], results.certificate["threshold_source"]),
        "published": [] if reason else published_means("official").to_dict("records"),
        "boxes_why_not": None if boxes_reason == reason else boxes_reason,
        "published_boxes": {} if boxes_reason else published_boxes(),
        "wang": {} if reason else wang_by_finding(),
        "published_figure": "" if reason else Markup(draw_published(test["macro"]["auroc"])),
        "halves": [
            (explainer, half, rows, Markup(draw_localization(rows)), Markup(draw_found(rows)))
            for explainer, half, rows in halves
        ],
        "wang_boxes": [] if reason else list(published_boxes().values()),
        "curves": [(heading, Markup(figure)) for heading, figure in draw_curves(results)],
        "front_figure": Markup(draw_choice(results)),
        "choice": describe_choice(results),
        "strips": make_strips(results),
        "boxed": make_boxed(results),
        "gallery": make_gallery(results),
        "kinds": KINDS,
        "matrices": count_cells(results.predictions, test["findings"]),
        "mean_prevalence": mean_prevalence(results.certificate),
    }


def read_identity(results: Results) -> dict[str, Any]:
    """Return name, source, split and notes of the title."""
    protocol = results.summary["protocol"]
    about = protocol.get("about", {})
    return {
        "title": results.name,
        "choices": results.choices,
        "protocol": protocol,
        "source": NAMES.get(protocol["source"], protocol["source"]),
        "phantom": protocol["source"] == "phantom",
        "about": about,
        "about_words": describe_phantom(about) if protocol["source"] == "phantom" else "",
    }


def describe_phantom(about: Mapping[str, Any]) -> str:
    """Say how a phantom was set up, as far as the run knows."""
    words = []
    if about.get("prevalence") == "enriched":
        words.append("Findings are enriched: far more frequent than in any clinic.")
    elif "prevalence" in about:
        words.append("Findings are as frequent as in the release.")
    if "shortcut_strength" in about:
        strength = float(about["shortcut_strength"])
        words.append(
            f"Markers, drains and brightness were planted with strength {number(strength, 2)} (0: they say nothing "
            "about the labels, 1: they give them away), so part of the AUROC may come from them."
        )
    return " ".join(words)


def mean_prevalence(certificate: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean prevalence of each part, over the findings that it knows."""
    shares = certificate["split"]["prevalence"]
    known = {part: [share for share in shares.get(part, {}).values() if share is not None] for part in PARTS}
    return {part: sum(found) / len(found) for part, found in known.items() if found}
