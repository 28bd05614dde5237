"""Tests several explainers on one run's network, keeps what is done, and writes a page."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pandas as pd

from cxr_xai.artifacts.certificate import describe_code
from cxr_xai.artifacts.sanity_folder import SanityFolder
from cxr_xai.experiments.explain.ask import read_explainers
from cxr_xai.experiments.explaining import build_explainer, describe_background
from cxr_xai.experiments.sanity.estimate import count_films, print_estimate
from cxr_xai.experiments.sanity.faithful import (
    Evidence,
    measure_chance,
    measure_map_order,
    measure_sensitivity,
    prior_cells,
)
from cxr_xai.experiments.sanity.lesioned import measure_collapse, measure_randomization
from cxr_xai.experiments.sanity.plan import CONTROLS, READS, Due, plan_tables, require_settings
from cxr_xai.experiments.sanity.repeated import (
    explain_again,
    measure_agreement,
    measure_equivariance,
    measure_findings,
)
from cxr_xai.experiments.sanity.subject import Subject, open_subject, stages_of
from cxr_xai.experiments.sanity.summarize import as_rows, join_controls, mean_curves, summarize
from cxr_xai.experiments.sanity.terminal import print_sanity
from cxr_xai.experiments.terminal import console, quiet_libraries
from cxr_xai.explainers.contract import Explainer
from cxr_xai.files import write_csv
from cxr_xai.metrics.faithfulness.orders import pool_cells
from cxr_xai.report.sanity import write_sanity_report

Settings = Mapping[str, Any]


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


def measure_all(
    subject: Subject, asked: Mapping[str, Settings], settings: Settings, folder: SanityFolder
) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield every table, ``(label, test)``, from the folder where it is there already."""
    evidence = Evidence(subject, settings)

    @cache
    def explainers(label: str) -> Explainer:
        return build_explainer(asked[label], subject.data, f"explainers.{label}")

    planned = list(plan_tables(subject, asked, settings))
    missing = [one for one in planned if folder.kept(one.label, one.test, one.key) is None]
    if missing:
        print_estimate(subject, missing, explainers, settings)
    for number, one in enumerate(missing, start=1):
        words = f"{one.label}: {one.test} ({number} of {len(missing)})"
        subject.meter.start(words, count_films(subject, one, settings))
        try:
            table = measure(evidence, one, explainers, settings)
        finally:
            subject.meter.stop()
        folder.keep(one.label, one.test, table, one.key)
    for one in planned:
        kept = folder.kept(one.label, one.test, one.key)  # as the next call will find it, to the last digit
        assert kept is not None
        yield (one.label, one.test), kept


def measure(evidence: Evidence, due: Due, explainers: Callable[[str], Explainer], settings: Settings) -> pd.DataFrame:
    """Run one test of one explainer, or judge one of the two controls' orders."""
    subject = evidence.subject
    if due.label == CONTROLS:
        if due.test == "random":
            return measure_chance(evidence)
        return measure_map_order(evidence, prior_cells(subject, subject.films, settings["cells"]))
    explainer = explainers(due.label)

    def faithfulness() -> pd.DataFrame:
        cells = (settings["cells"], settings["cells"])
        return measure_map_order(evidence, pool_cells(subject.plain_maps(explainer), subject.size, cells))

    def rebuild(seed: int) -> Explainer | None:
        if seed < 0:
            return explainer
        return build_explainer({**due.one, "seed": seed}, subject.data) if "seed" in due.one else None

    work: dict[str, Callable[[], pd.DataFrame]] = {
        "faithfulness": faithfulness,
        "sensitivity": lambda: measure_sensitivity(subject, explainer, settings),
        "randomization": lambda: measure_randomization(subject, explainer, settings),
        "collapse": lambda: measure_collapse(subject, explainer, settings),
        "equivariance": lambda: measure_equivariance(subject, explainer),
        "repeatability": lambda: measure_agreement(subject, explain_again(subject, rebuild, settings)),
        "findings": lambda: measure_findings(subject, explainer, settings),
    }
    return work[due.test]()


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
    decisive = sorted({key for keys in READS.values() for key in keys} - {"others"})
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
        "settings": {key: settings[key] for key in ("tests", *decisive, "max_studies", "bootstrap")},
        "asked": {label: {**one, "background": describe_background(one, subject.data)} for label, one in asked.items()},
    }
