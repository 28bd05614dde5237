"""From a run, an evaluation or a sweep to ``subgroups/``: read, group, measure, test, write, say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.artifacts.subgroups_folder import TABLES, SubgroupsFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.require import require_folder, require_numbers
from cxr_xai.experiments.studies import require_paths
from cxr_xai.experiments.subgroups.attributes import Attributes, read_attributes
from cxr_xai.experiments.subgroups.compare import (
    MACRO,
    OTHERS,
    Attribute,
    Compared,
    add_p_values,
    compare_groups,
    make_attribute,
)
from cxr_xai.experiments.subgroups.correct import correct, flips_needed
from cxr_xai.experiments.subgroups.measures import METRICS, MIN_CASES, MIN_PATIENTS, draw_folds, measured
from cxr_xai.experiments.subgroups.read import Judged, read_judged
from cxr_xai.experiments.subgroups.terminal import print_subgroups
from cxr_xai.experiments.terminal import ProgressBar, quiet_libraries
from cxr_xai.findings import FINDINGS
from cxr_xai.report.subgroups import write_subgroups_report
from cxr_xai.stats.weightings import ratio

Settings = Mapping[str, Any]
Tables = dict[str, pd.DataFrame]


def run_subgroups(settings: Settings) -> None:
    """Compare the subgroups of ``settings["folder"]``, write ``subgroups/``, and print what was found.

    Raises:
        UserError: a setting is unfit, the folder is incomplete, or an attribute does not fit.
    """
    quiet_libraries()
    check_settings(settings)
    settings = {**settings, **{key: settings[key] or {} for key in ("attributes", "reference")}}
    place = Path(settings["folder"])
    judged = read_judged(place, settings["arm"])
    attributes = read_attributes(judged, settings)
    if absent := settings["reference"].keys() - set(attributes.names):
        raise UserError(f"reference.{min(absent)}: no such attribute; there are {', '.join(attributes.names)}.")
    groups = [make_attribute(attributes.table[name], settings["reference"].get(name)) for name in attributes.names]
    folder = SubgroupsFolder(settings["output"] or place / "subgroups")
    require_folder(folder.path)
    flips = flips_needed(len(groups), settings["family"], settings["alpha"])
    tables = compare(judged, groups, settings["replicates"], flips, settings["family"])
    for name in TABLES:
        folder.write_table(name, tables[name])
    folder.write_summary(summarize(judged, attributes, groups, tables, settings, flips))
    print_subgroups(folder, write_subgroups_report(folder))


def check_settings(settings: Settings) -> None:
    """Refuse what nothing can be done with, before anything is read.

    Raises:
        UserError: names the first such key.
    """
    require_paths(settings, ["folder"], ["root", "output", "arm"])
    require_numbers(settings, replicates=100)
    for key in ("attributes", "reference"):
        if not isinstance(settings[key] or {}, dict):
            raise UserError(f"{key}={settings[key]}: expected a mapping such as {key}={{drain: …}}.")
    for key in ("age_bands", "followup_bands"):
        cuts = settings[key]
        if (
            not isinstance(cuts, list)
            or not all(type(cut) is int and cut > 0 for cut in cuts)
            or cuts != sorted(set(cuts))
        ):
            raise UserError(f"{key}={cuts}: expected whole numbers above 0, each above the one before.")
    if not settings["family"] or (unknown := [name for name in settings["family"] if not _is_tested(name)]):
        known = ", ".join(name for name in METRICS if _is_tested(name))
        raise UserError(f"family={unknown[0] if settings['family'] else '[]'}: not one of those with tests: {known}.")
    if settings["unlisted"] not in ("no", "unknown"):
        raise UserError(f"unlisted={settings['unlisted']}: expected no or unknown.")
    if not 0 < settings["alpha"] < 1:
        raise UserError(f"alpha={settings['alpha']}: expected a number between 0 and 1.")


def _is_tested(name: str) -> bool:
    return name in METRICS and METRICS[name].tested


def compare(judged: Judged, groups: Sequence[Attribute], replicates: int, flips: int, family: Sequence[str]) -> Tables:
    """Return ``TABLES`` of all attributes."""
    names = measured(judged)
    folds = {of: draw_folds(judged, of, replicates) for of in {METRICS[name].of for name in names}}
    bar, done = ProgressBar("comparing groups"), 0
    found: list[Compared] = []
    for attribute in groups:
        mine = []
        for name in names:
            mine.append(compare_groups(attribute, judged, name, folds[METRICS[name].of]))
            bar(done := done + 1, len(groups) * len(names))
        add_p_values(attribute, mine, flips)
        found += mine
    prevalence = pd.DataFrame([row for attribute in groups for row in list_prevalence(attribute, judged)])
    gaps = pd.DataFrame([row for one in found for row in one.gaps])
    return {
        "sizes": pd.DataFrame([row for attribute in groups for row in list_sizes(attribute, judged)]),
        "prevalence": prevalence[prevalence["group"] != OTHERS],
        "groups": pd.DataFrame([row for one in found for row in one.groups]),
        "gaps": with_prevalence(gaps, prevalence),
        "largest": correct(pd.DataFrame([row for one in found for row in one.largest]), family),
    }


def list_sizes(attribute: Attribute, judged: Judged) -> list[dict[str, Any]]:
    """Return how large each group is, patients who are in others too, and what is unknown."""
    boxes = pd.Series(attribute.labels, index=judged.images).reindex(judged.boxes["image_id"]).to_numpy(str)
    rows = []
    for group in (*attribute.groups, ""):
        mine = attribute.labels == group
        others = judged.patients[~mine & (attribute.labels != "")]
        patients = np.unique(judged.patients[mine])
        rows.append({
            "attribute": attribute.name, "group": group or "unknown", "studies": int(mine.sum()),
            "patients": len(patients), "shared_patients": int(np.isin(patients, others).sum()),
            "boxes": int(judged.boxes["boxes"].to_numpy()[boxes == group].sum()),
        })  # fmt: skip
    return [row for row in rows if row["studies"]]


def list_prevalence(attribute: Attribute, judged: Judged) -> list[dict[str, Any]]:
    """Return how frequent each finding is in every group, and on average; of all others than a group, too."""
    rows = []
    masks = attribute.masks(attribute.labels)
    for m, mask in enumerate(masks):
        known = (~np.isnan(judged.target[mask])).sum(axis=0)
        positives = np.nansum(judged.target[mask], axis=0)
        shares = ratio(positives, known)
        group, of = attribute.side(m), attribute.groups[m % len(attribute.groups)]
        head = {"attribute": attribute.name, "group": group, "of": of}
        for k, finding in enumerate(FINDINGS):
            counts = {"positives": int(positives[k]), "known": int(known[k]), "prevalence": float(shares[k])}
            rows.append({**head, "finding": finding, **counts})
        mean = float(np.nanmean(shares)) if known.any() else float("nan")
        rows.append({**head, "finding": MACRO, "positives": None, "known": None, "prevalence": mean})
    return rows


def with_prevalence(gaps: pd.DataFrame, prevalence: pd.DataFrame) -> pd.DataFrame:
    """Put the prevalence of both sides beside every gap: a gap of groups that differ in it may be one of their mix."""
    keys = ["attribute", "of", "group", "finding"]
    share = prevalence.drop_duplicates(keys).set_index(keys)["prevalence"]
    first = pd.MultiIndex.from_frame(gaps[["attribute", "group", "group", "finding"]].set_axis(keys, axis=1))
    of = gaps["against"].where(gaps["against"] != OTHERS, gaps["group"])
    second = pd.MultiIndex.from_frame(
        pd.DataFrame({"attribute": gaps["attribute"], "of": of, "group": gaps["against"], "finding": gaps["finding"]})
    )
    return gaps.assign(prevalence=share.reindex(first).to_numpy(), prevalence_against=share.reindex(second).to_numpy())


def summarize(
    judged: Judged, attributes: Attributes, groups: Sequence[Attribute], tables: Tables, settings: Settings, flips: int
) -> dict[str, Any]:
    """Return what the numbers rest on, and the family of claims."""
    largest = tables["largest"]
    family = largest[(largest["finding"] == MACRO) & largest["metric"].isin(settings["family"])]
    return {
        "runs": list(judged.runs),
        "protocol": judged.cell.summary["protocol"],
        "part": judged.cell.certificate.get("part", "test"),
        "folds": len(set(judged.fold.tolist())),
        "seeds": len(judged.scores["prob"]),
        "studies": len(judged.images),
        "patients": len(np.unique(judged.patients)),
        "boxes": int(judged.boxes["boxes"].sum()),
        "explainer": judged.explainer,
        "attributes": {one.name: {"groups": list(one.groups)} for one in groups},
        "notes": attributes.notes,
        "left_out": attributes.left_out,
        "least": {"cases": MIN_CASES, "patients": MIN_PATIENTS},
        "metrics": {name: METRICS[name].words for name in largest["metric"].unique()},
        "family": list(settings["family"]),
        "tests": int(family["p"].notna().sum()),
        "alpha": settings["alpha"],
        "replicates": settings["replicates"],
        "flips": flips,
        "claims": family[family["p_adjusted"] <= settings["alpha"]].to_dict("records"),
    }
