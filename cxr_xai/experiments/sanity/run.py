"""Tests several explainers on one run's network, keeps what is done, and writes a page."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from cxr_xai.artifacts.certificate import describe_code, hash_code
from cxr_xai.artifacts.sanity_folder import SanityFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.ask import read_explainers
from cxr_xai.experiments.explaining import build_explainer, describe_background
from cxr_xai.experiments.reopen import find_run, hash_weights
from cxr_xai.experiments.sanity.faithful import (
    measure_chance,
    measure_map_order,
    measure_sensitivity,
    prior_cells,
)
from cxr_xai.experiments.sanity.lesioned import measure_collapse, measure_randomization
from cxr_xai.experiments.sanity.repeated import (
    explain_again,
    measure_agreement,
    measure_equivariance,
    measure_findings,
)
from cxr_xai.experiments.sanity.subject import Subject, open_subject, stages_of
from cxr_xai.experiments.sanity.summarize import as_rows, join_controls, mean_curves, summarize
from cxr_xai.experiments.sanity.terminal import print_sanity
from cxr_xai.experiments.terminal import ProgressBar, console, quiet_libraries
from cxr_xai.explainers.contract import Explainer
from cxr_xai.files import write_csv
from cxr_xai.metrics.faithfulness.imputers import IMPUTERS
from cxr_xai.metrics.faithfulness.orders import pool_cells
from cxr_xai.report.sanity import write_sanity_report

Settings = Mapping[str, Any]
TESTS = ("faithfulness", "sensitivity", "randomization", "collapse", "equivariance", "repeatability", "findings")
CONTROLS = "controls"
DECIDES = ("tests", "cells", "steps", "imputers", "random_orders", "removals", "radius", "draws", "findings", "seed")
"""Settings that change numbers; ``max_studies`` shows in the names of the films."""


def run_sanity(settings: Settings) -> None:
    """Test what ``conf/sanity.yaml`` names; what was done before with the same inputs is taken as it is.

    Raises:
        UserError: a setting is out of range, or the run cannot be opened.
    """
    quiet_libraries()
    require_settings(settings)
    asked = read_explainers(settings["explainers"])
    subject = open_subject(settings)
    folder = SanityFolder(settings["output"] or subject.folder.path / "sanity")
    films = subject.films
    console.print(
        f"{len(films.table):,} findings present and predicted on {len(films.image):,} test studies of "
        f"{films.table['patient_id'].nunique():,} patients; {len(subject.boxed.table):,} monitored boxed findings"
    )
    tables = dict(measure_all(subject, asked, settings, folder))
    found = {label: condense(tables, label, settings) for label in asked}
    rows = [row for label in asked for row in as_rows(label, found[label]["lines"])]
    write_csv(folder.lines, pd.DataFrame(rows))
    folder.write_summary(describe(subject, asked, settings) | {"explainers": found})
    page = write_sanity_report(folder)
    print_sanity(found, page)


def require_settings(settings: Settings) -> None:
    """Refuse what cannot be measured before anything is opened.

    Raises:
        UserError: names the setting.
    """
    for key, least in (("max_studies", 1), ("cells", 2), ("steps", 2), ("random_orders", 1), ("draws", 1)):
        if settings[key] < least:
            raise UserError(f"{key}={settings[key]}; it must be {least} or more.")
    if settings["steps"] > settings["cells"] ** 2:
        raise UserError(f"steps={settings['steps']}: there are only {settings['cells'] ** 2} cells to remove.")
    for key, known in (("imputers", tuple(IMPUTERS)), ("tests", TESTS)):
        if unknown := [name for name in settings[key] if name not in known]:
            raise UserError(f"{key}: {unknown[0]} is none of {', '.join(known)}.")
    if not settings["imputers"] or not settings["tests"]:
        raise UserError("imputers and tests must name one at least.")


def measure_all(
    subject: Subject, asked: Mapping[str, Settings], settings: Settings, folder: SanityFolder
) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield every table, ``(label, test)``, from the folder where it is there already."""
    due = [(CONTROLS, name) for name in ("random", "prior") if "faithfulness" in settings["tests"]]
    due += [(label, test) for label in asked for test in settings["tests"]]
    progress = ProgressBar("tests")
    progress(0, len(due))
    try:
        for done, (label, test) in enumerate(due):
            one = asked.get(label, {})
            key = make_key(subject, one, test, settings)
            table = folder.kept(label, test, key)
            if table is None:
                table = measure(subject, one, label, test, settings)
                folder.keep(label, test, table, key)
                table = folder.kept(label, test, key)  # as the next call will find it, to the last digit
                assert table is not None
            progress(done + 1, len(due))
            yield (label, test), table
    finally:
        progress(len(due), len(due))  # an error must not leave the bar behind


def make_key(subject: Subject, one: Settings, test: str, settings: Settings) -> str:
    """Return what a table depends on as one hash."""
    others = [hash_weights(find_run(place)) for place in settings["others"]] if test == "repeatability" else []
    told = {key: settings[key] for key in (*DECIDES[1:], "explainer_seeds")}
    background = describe_background(one, subject.data) if one else None
    films = [list(part.table.itertuples(index=False, name=None)) for part in (subject.films, subject.boxed)]
    inputs = [subject.weights, dict(one), background, test, told, films, others, hash_code()]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def measure(subject: Subject, one: Settings, label: str, test: str, settings: Settings) -> pd.DataFrame:
    """Run one test of one explainer, or judge one of the two controls' orders."""
    if label == CONTROLS:
        if test == "random":
            return measure_chance(subject, settings)
        return measure_map_order(subject, prior_cells(subject, subject.films, settings["cells"]), settings)
    explainer = build_explainer(one, subject.data, f"explainers.{label}")

    def faithfulness() -> pd.DataFrame:
        maps = subject.explain(explainer, subject.films)
        values = pool_cells(maps, subject.size, (settings["cells"], settings["cells"]))
        return measure_map_order(subject, values, settings)

    def rebuild(seed: int) -> Explainer | None:
        if seed < 0:
            return explainer
        return build_explainer({**one, "seed": seed}, subject.data) if "seed" in one else None

    work: dict[str, Callable[[], pd.DataFrame]] = {
        "faithfulness": faithfulness,
        "sensitivity": lambda: measure_sensitivity(subject, explainer, settings),
        "randomization": lambda: measure_randomization(subject, explainer, settings),
        "collapse": lambda: measure_collapse(subject, explainer, settings),
        "equivariance": lambda: measure_equivariance(subject, explainer),
        "repeatability": lambda: measure_agreement(subject, explain_again(subject, rebuild, settings)),
        "findings": lambda: measure_findings(subject, explainer, settings),
    }
    return work[test]()


def condense(tables: Mapping[tuple[str, str], pd.DataFrame], label: str, settings: Settings) -> dict[str, Any]:
    """Return the lines and mean curves of one explainer."""
    lines, curves = [], {}
    for test in settings["tests"]:
        table = tables[label, test]
        if test == "faithfulness":
            controls = {name: tables[CONTROLS, name] for name in ("random", "prior")}
            curves = {name: list(mean_curves(one)) for name, one in {label: table, **controls}.items()}
            table = join_controls(table, **controls)
        if len(table):
            lines += summarize(test, table, settings["bootstrap"], settings["seed"])
    return {"lines": lines, "curves": curves}


def describe(subject: Subject, asked: Mapping[str, Settings], settings: Settings) -> dict[str, Any]:
    """Return what the numbers were made of."""
    films, summary = subject.films, subject.folder.read_summary()
    return {
        "run": subject.folder.path.name,
        "epoch": summary["best_epoch"],
        "weights_sha256": subject.weights,
        "protocol": summary["protocol"],
        "code": describe_code(),
        "studies": len(films.image),
        "patients": int(films.table["patient_id"].nunique()),
        "pairs": len(films.table),
        "boxed_pairs": len(subject.boxed.table),
        "stages": [name for name, _ in stages_of(subject.model)],
        "settings": {key: settings[key] for key in (*DECIDES, "max_studies", "explainer_seeds", "bootstrap")},
        "asked": {label: {**one, "background": describe_background(one, subject.data)} for label, one in asked.items()},
    }
