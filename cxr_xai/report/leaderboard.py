"""The page of a leaderboard: explainers of one network, ranked by what is true, with pictures of a few studies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from markupsafe import Markup

from cxr_xai.artifacts.leaderboard_folder import LeaderboardFolder
from cxr_xai.files import whole
from cxr_xai.heatmap import make_heatmap, resize_heatmaps
from cxr_xai.report.format import is_known, number
from cxr_xai.report.judged import describe_judge
from cxr_xai.report.page import HERE, NAMES, describe_phantom, make_environment
from cxr_xai.report.tables import p_value
from cxr_xai.visualization.embed import embed_picture
from cxr_xai.visualization.outlines import LESION_COLOR, SHORTCUT_COLOR, draw_outlined
from cxr_xai.visualization.svg import STYLE

Summary = Mapping[str, Any]

COINCIDE = (
    "Exact CAM, Grad-CAM and HiResCAM are one map at the last layer of these heads (global average pooling and one "
    "linear layer); they part at an earlier layer."
)

CHOSEN = "An explainer chosen here must not be reported on these boxes: they have chosen it."


def write_leaderboard_report(board: LeaderboardFolder) -> Path:
    """Write ``leaderboard/report.html`` from what lies beside it, and return its path.

    Raises:
        UserError: there is no leaderboard.
    """
    summary = board.read_summary()
    page = make_environment().get_template("leaderboard.html").render(make_context(board, summary))
    with whole(board.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return board.report


def make_context(board: LeaderboardFolder, summary: Summary) -> dict[str, Any]:
    """Put together everything the template names."""
    protocol = summary["protocol"]
    phantom = protocol["source"] == "phantom"
    truth = summary["mode"] == "phantom"
    key = "lesions" if truth else "boxes"
    return {
        "style": Markup(STYLE + (HERE / "style.css").read_text()),
        "summary": summary,
        "protocol": protocol,
        "source": NAMES.get(protocol["source"], protocol["source"]),
        "phantom": phantom,
        "about_words": describe_phantom(protocol.get("about", {})) if phantom else "",
        "truth": truth,
        "places": key,
        "metric": "energy" if truth else "iou",
        "over": summary["arms"][0][key]["over"],
        "mark": mark,
        "p_value": p_value,
        "judged": how_judged(summary),
        "against_what": describe_judge(summary.get("judged_by", "boxes")),
        "chosen": CHOSEN,
        "headline": headline,
        "seconds": seconds,
        "recalls": speaks_for(summary),
        "against": {} if not truth else summary["arms"][0]["against"],
        "findings": [name for name, row in summary["arms"][0][key]["findings"].items() if row["cases"]],
        "reliance": [row for row in summary["reliance"] if row["leaning"]],
        "coincide": COINCIDE,
        "studies": make_studies(board, summary),
    }


def headline(entry: Mapping[str, Any], metric: str) -> Mapping[str, float | None]:
    """Return the mean over findings, or over all cases where no finding has enough."""
    found: Mapping[str, float | None] = entry[metric]["macro" if entry["over"] else "micro"]
    return found


def mark(entry: Mapping[str, Any]) -> str:
    """Return what stands behind a mean of fewer than 20 cases.

    >>> mark({"value": 0.5, "few": True}), mark({"value": 0.5, "few": False})
    (' †', '')
    """
    return " †" if entry["few"] and is_known(entry["value"]) else ""


def how_judged(summary: Summary) -> str:
    """Say what p and the verdicts are made of."""
    others = len(summary["arms"]) - 1 - (summary["primary"] is not None)
    primary = summary["primary"]
    uncorrected = f"; the primary contrast, {primary}, was declared beforehand and is not corrected" if primary else ""
    return (
        f"Verdicts: p below .05 after Holm's correction over {others} {'other ' if primary else ''}"
        f"contrast{'' if others == 1 else 's'} with {summary['reference']}{uncorrected}. Intervals are 95 % and not "
        "corrected."
    )


def seconds(value: float | None) -> str:
    """Return a time in seconds, short ones with a decimal.

    >>> seconds(0.234), seconds(75.2), seconds(4321.0)
    ('0.2', '75', '4,321')
    """
    if value is None:
        return "–"
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def speaks_for(summary: Summary) -> Mapping[str, Any]:
    """Return the shortcuts that some study leans on, as the first explainer has them (cases and area are the same)."""
    found: Mapping[str, Any] = summary["arms"][0].get("for", {})
    return {name: entry for name, entry in found.items() if name != "all"}


def tabulate(summary: Summary) -> list[dict[str, Any]]:
    """Return the rows of ``leaderboard.csv``."""
    rows = []
    truth = summary["mode"] == "phantom"
    for place, arm in enumerate(summary["arms"], start=1):
        entry = arm["lesions" if truth else "boxes"]
        row: dict[str, Any] = {"place": place, "explainer": arm["label"], "control": arm["control"]}
        for metric in ("energy", "pointing", "mask_iou", "energy_ratio") if truth else ("iou", "pointing", "energy"):
            row |= _spread(metric, headline(entry, metric)) | _spread(f"{metric}_live", entry[metric]["live"])
            row |= _difference(metric, entry[metric]["difference"])
        main = entry["energy" if truth else "iou"]
        row |= {"cases": entry["cases"], "dead": entry["dead"], "findings_in_mean": main["over"]}
        row |= {} if truth else _spread("skill", entry["skill"])
        for name, found in arm.get("for", {}).items():
            row |= _spread(f"recall_{name}", found["recall"]) | _difference(f"recall_{name}", found["difference"])
            row |= {f"recall_{name}_cases": found["cases"], f"recall_{name}_even": found["share"]}
            row |= {f"recall_{name}_ceiling": found["ceiling"]}
        rows.append({**row, "seconds": arm["seconds"], "maps": arm["maps"], "source": summary["protocol"]["source"]})
    return rows


def _spread(name: str, entry: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: entry["value"], f"{name}_low": entry["low"], f"{name}_high": entry["high"]}


def _difference(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    said = {f"{name}_difference_{key}": entry[key] for key in ("p", "p_holm", "verdict")}
    return _spread(f"{name}_difference", entry) | said


def make_studies(board: LeaderboardFolder, summary: Summary) -> list[dict[str, Any]]:
    """Return the shown studies, each with its film and one picture per explainer, as addresses."""
    return [
        {**study, "pictures": [{**one, "source": embed_picture(one["picture"], 75)} for one in study["pictures"]]}
        for study in read_studies(board, summary)
    ]


def read_studies(board: LeaderboardFolder, summary: Summary) -> list[dict[str, Any]]:
    """Return the shown studies; ``pictures`` have ``label``, ``note`` and ``picture``, the film first."""
    if not board.films().is_file():
        return []
    with np.load(board.films()) as stored:
        films = {key: stored[key] for key in ("case", "film", "lesion", "shortcut")}
    cases = pd.read_parquet(board.cases).set_index("case")
    labels = [arm["label"] for arm in summary["arms"] if board.maps(arm["label"]).is_file()]
    maps, scores = {}, {}
    for label in labels:
        with np.load(board.maps(label)) as stored:
            maps[label] = dict(zip(stored["case"].tolist(), stored["attribution"], strict=True))
        scores[label] = pd.read_parquet(board.scores(label)).set_index("case")
    studies = []
    for at, number_ in enumerate(films["case"].tolist()):
        case = cases.loc[number_]
        outlines = [(films["lesion"][at], LESION_COLOR), (films["shortcut"][at], SHORTCUT_COLOR)]
        film = films["film"][at]
        pictures: list[dict[str, Any]] = [{"label": "film", "picture": _picture(film, None, outlines), "note": ""}]
        for label in (label for label in labels if number_ in maps[label]):
            signed = -maps[label][number_] if case["kind"] == "against" else maps[label][number_]
            note = _note(scores[label].loc[number_], summary["mode"])
            pictures.append({"label": label, "picture": _picture(film, signed, outlines), "note": note})
        studies.append({**describe_case(case), "pictures": pictures})
    return studies


def describe_case(case: "pd.Series[Any]") -> dict[str, str]:
    """Return title and words of a shown study."""
    prob = f"probability {number(float(case['prob']), 2)}"
    if case["kind"] in ("for", "against"):
        words = f"{prob}; without the {case['shortcut']} {number(float(case['prob'] - case['change']), 2)}"
        return {"title": f"{case['finding']} by the {case['shortcut']}", "image_id": case["image_id"], "words": words}
    return {"title": str(case["finding"]), "image_id": case["image_id"], "words": prob}


def _note(score: "pd.Series[Any]", mode: str) -> str:
    if bool(score["dead"]):
        return "dead"
    return f"{float(score['energy']):.0%}" if mode == "phantom" else number(score["iou"], 2)


def _picture(film: npt.NDArray[np.uint8], raw: Any, outlines: Any) -> npt.NDArray[np.uint8]:
    heatmap = None
    if raw is not None:
        made = resize_heatmaps(make_heatmap(torch.from_numpy(raw))[None], (film.shape[0], film.shape[1]))[0]
        heatmap = made.numpy() if bool(made.isfinite().all()) else None
    return draw_outlined(film, heatmap, outlines)
