"""Aggregates the runs of one folder: read, refuse, average, compare, write."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.aggregate_folder import AggregateFolder
from cxr_xai.artifacts.ledger import note_read, read_ledger
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.average import Averaged, available, average, summarize_arm
from cxr_xai.experiments.aggregate.box_contrasts import summarize_all_boxes
from cxr_xai.experiments.aggregate.boxes import read_tables
from cxr_xai.experiments.aggregate.cells import Cell, Found, find_cells
from cxr_xai.experiments.aggregate.contrasts import Question, choose_question, compare
from cxr_xai.experiments.aggregate.describe import (
    describe_arms,
    describe_folds,
    describe_protocol,
    describe_runs,
    name_guidance,
    train_studies,
)
from cxr_xai.experiments.aggregate.ensemble import read_ensemble, summarize_ensemble
from cxr_xai.experiments.aggregate.pool import Pool, read_pool, tabulate_pool
from cxr_xai.experiments.aggregate.refuse import (
    Design,
    cells_of,
    require_one_origin,
    require_planned_epochs,
    require_same_boxes,
    require_sound_folds,
    require_whole_design,
)
from cxr_xai.experiments.aggregate.reliance import read_reliance, summarize_all_reliance
from cxr_xai.experiments.aggregate.terminal import print_aggregate
from cxr_xai.experiments.overview import log_overview, name_overview, require_logger
from cxr_xai.experiments.terminal import ProgressBar
from cxr_xai.report.aggregate import write_aggregate_report
from cxr_xai.report.aggregate_overview import make_aggregate_overview
from cxr_xai.report.guidance_table import UNGUIDED
from cxr_xai.report.protocol import PlanShown, show_plan
from cxr_xai.stats.statistic import METRICS

Settings = Mapping[str, Any]
Averages = dict[str, dict[str, Averaged]]

MARGIN = 0.01
"""A difference of the primary metric that does not matter, where neither the command nor a plan says another."""


def run_aggregate(settings: Settings, choices: Mapping[str, str]) -> None:
    """Aggregate the runs of ``settings["runs"]``; what may not be aggregated is refused before anything is written.

    Raises:
        UserError: says which runs, and what is wrong with them.
    """
    check_settings(settings)
    require_logger(settings)
    runs = Path(settings["runs"])
    found = find_cells(runs)
    cells = name_arms(found.cells)
    require_one_origin(cells)
    require_planned_epochs(cells, found.plan)
    design = require_whole_design(cells)
    tables = require_sound_folds(design)
    require_same_boxes(design)
    question, margin = pose(settings, design, found.plan)
    settings = {**settings, "margin": margin, "metrics": metrics_of(settings, question)}
    note_reads(cells)
    pool = read_pool(design, tables)
    folder = AggregateFolder(settings["output"] or runs / "aggregate")
    folder.write_out_of_fold(tabulate_pool(pool))
    folder.write_summary(
        {
            "name": runs.resolve().name,
            "protocol": describe_protocol(design),
            "design": describe_design(settings, design, question),
            "runs": describe_runs(design),
            "ignored": list(found.ignored),
            "tables": folder.read_tables(),
            **summarize(settings, design, tables, pool, question),
        }
    )
    report = write_aggregate_report(folder)
    print_aggregate(folder.read_summary(), report)
    log(settings, folder, found)


def log(settings: Settings, folder: AggregateFolder, found: Found) -> None:
    """Log the aggregate as a run of the group that its cells are in.

    Its name survives further folds, seeds and arms: sweep, ablation, data, scheme of the split, and the folder.
    """
    if settings["logger"]["overview"] is None:
        return
    summary = folder.read_summary()
    groups = {str(cell.settings.get("name")) for cell in found.cells}
    group = groups.pop() if len(groups) == 1 else summary["name"]
    cell = found.cells[0]
    identity = (group, found.plan.get("ablation"), cell.certificate["data"]["sha256"], cell.split["scheme"])
    run_id = name_overview("aggregate", *identity, folder.path.name)
    log_overview(settings, make_aggregate_overview(summary), folder.path, group, run_id)


def pose(settings: Settings, design: Design, sweep: Mapping[str, Any]) -> tuple[Question, float]:
    """Return what is asked, and the margin of equivalence: of the command, of a plan that applies, else .01."""
    cells = cells_of(design)
    plan = find_plan(cells)
    arms, reference = order_arms(name_guidance(design))
    sweep = {**sweep, "reference": sweep.get("reference") or reference}
    question = choose_question(arms, settings["primary"], sweep, plan)
    margin = settings["margin"] or (MARGIN if plan is None or question.remark else plan.plan.margin)
    if plan is None and any(cell.certificate.get("plans") for cell in cells):
        question = replace(question, remark="The runs do not all have the same analysis plan; none applied.")
    seeds = sorted({cell.seed for cell in cells})
    if plan is not None and not question.remark and sorted(set(plan.plan.seeds)) != seeds:
        planned, there = (", ".join(map(str, each)) for each in (sorted(set(plan.plan.seeds)), seeds))
        question = replace(question, remark=f"The plan names the seeds {planned}; the runs have {there}.")
    return question, margin


def order_arms(guidance: Mapping[str, str]) -> tuple[list[str], str | None]:
    """Return arms without guidance first, and the one that guided ones are held against; None without just one.

    >>> order_arms({"energy": "energy", "none": "none", "rrr": "rrr"})
    (['none', 'energy', 'rrr'], 'none')
    >>> order_arms({"bce": "none", "focal": "none"})
    (['bce', 'focal'], None)
    """
    arms = sorted(guidance, key=lambda arm: guidance[arm] != UNGUIDED)
    plain = [arm for arm in arms if guidance[arm] == UNGUIDED]
    return arms, plain[0] if len(plain) == 1 else None


def metrics_of(settings: Settings, question: Question) -> list[str]:
    """Return the metrics to compare; that of a declared primary contrast is always among them.

    >>> metrics_of({"metrics": ["f1"]}, Question([("a", "b")], source="the sweep"))
    ['auroc', 'f1']
    """
    metrics = list(settings["metrics"])
    absent = question.source and question.metric in METRICS and question.metric not in metrics
    return [question.metric, *metrics] if absent else metrics


def find_plan(cells: Sequence[Cell]) -> PlanShown | None:
    """Return the analysis plan that counts for every run; None where they have none, or not the same.

    One that came after test labels were read in any of the runs is post hoc.
    """
    shown = [show_plan(cell.certificate, read_ledger(cell.folder.ledger)) for cell in cells]
    plans = [plan for plan in shown if plan is not None]
    if len(plans) < len(cells) or len({plan.sha256 for plan in plans}) > 1:
        return None
    return max(plans, key=lambda plan: plan.post_hoc)


def note_reads(cells: Sequence[Cell]) -> None:
    """Note in every run's ledger that its test labels and sealed boxes are read once more."""
    for cell in cells:
        note_read(cell.folder.ledger, "test labels", "aggregate", int(cell.split["images"]["test"]))
        if cell.folder.localization.is_file():
            note_read(cell.folder.ledger, "sealed boxes", "aggregate", int(cell.certificate["boxes"]["sealed_studies"]))


def check_settings(settings: Settings) -> None:
    """Refuse metrics that cannot be compared, and numbers that make no sense.

    Raises:
        UserError: names the option.
    """
    metrics, replicates, margin = settings["metrics"], settings["replicates"], settings["margin"]
    if not isinstance(metrics, list) or not metrics:
        raise UserError(f"metrics={metrics}; it is a list: metrics=[auroc,f1].")
    if unknown := [metric for metric in metrics if metric not in METRICS]:
        raise UserError(f"metrics={unknown[0]}: not one of those with intervals: {', '.join(METRICS)}.")
    if type(replicates) is not int or replicates < 100:
        raise UserError(f"replicates={replicates}; an interval needs 100 or more.")
    if margin is not None and (type(margin) not in (int, float) or not margin > 0):
        raise UserError(f"margin={margin}; it must be above 0.")


def describe_design(settings: Settings, design: Design, question: Question) -> dict[str, Any]:
    """Return how the runs cross, and what was asked of them."""
    first = cells_of(design)[0]
    return {
        "arms": list(design),
        **describe_arms(design),
        "seeds": sorted({seed for runs in design.values() for seed in runs}),
        "folds": None if first.fold is None else int(first.split["about"]["k"]),
        "pool": first.split["about"].get("pool"),
        "folds_sha256": first.split["about"].get("folds_sha256"),
        "contrasts": [list(pair) for pair in question.contrasts],
        "primary": None if not question.source else {"metric": question.metric, "over": question.over},
        "declared_by": question.source,
        "remark": question.remark,
        "metrics": list(settings["metrics"]),
        "replicates": settings["replicates"],
        "margin": settings["margin"],
        "margin_of": question.metric,
        "alpha": question.alpha,
    }


def summarize(
    settings: Settings, design: Design, tables: Mapping[int | None, pd.DataFrame], pool: Pool, question: Question
) -> dict[str, Any]:
    """Return every number: of the arms, their folds, contrasts and boxes, and of the ensemble if there may be one."""
    replicates, margin = settings["replicates"], settings["margin"]
    averages = average_arms(pool, settings["metrics"], replicates)
    compared = [(pair, metric) for pair in question.contrasts for metric in settings["metrics"]]
    bar, done = ProgressBar("comparing arms"), iter(range(1, len(compared) + 1))
    tell = lambda: bar(next(done), len(compared))  # noqa: E731
    contrasts = compare(pool, question, settings["metrics"], train_studies(design), margin, replicates, tell)
    found = read_reliance(design, pool)
    reliance, shortcuts = summarize_all_reliance(found, question, train_studies(design), margin, replicates)
    localization, box_contrasts, both = summarize_all_boxes(read_tables(design), question, replicates, margin)
    try:
        ensemble: dict[str, Any] = summarize_ensemble(
            read_ensemble(design, tables), settings["metrics"], replicates, len(tables)
        )
    except UserError as error:
        ensemble = {"refused": str(error)}
    return {
        "studies": len(pool.images),
        "patients": len(set(pool.patients.tolist())),
        "arms": {arm: summarize_arm(averages[arm], pool) for arm in pool.scores},
        "folds": describe_folds(design, averages, pool),
        "contrasts": contrasts,
        "localization": localization,
        "box_contrasts": box_contrasts,
        "reliance": reliance,
        "reliance_contrasts": shortcuts,
        "both_predicted": both,
        "ensemble": ensemble,
    }


def average_arms(pool: Pool, metrics: list[str], replicates: int) -> Averages:
    """Return arm → metric → values; replicates for the metrics that are compared."""
    wanted = [(arm, metric) for arm in pool.scores for metric in available(pool, arm)]
    bar = ProgressBar("measuring arms")
    averages: Averages = {arm: {} for arm in pool.scores}
    for done, (arm, metric) in enumerate(wanted, 1):
        averages[arm][metric] = average(pool, arm, metric, replicates if metric in metrics else 0)
        bar(done, len(wanted))
    return averages
