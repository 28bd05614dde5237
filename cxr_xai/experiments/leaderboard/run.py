"""A leaderboard from request to page: what is there is kept, what is missing is computed and written whole."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.artifacts.leaderboard_folder import (
    CASE_COLUMNS,
    LeaderboardFolder,
    write_parquet,
)
from cxr_xai.artifacts.ledger import note_read
from cxr_xai.artifacts.run_folder import RELIANCE_COLUMNS
from cxr_xai.callbacks.box_probe import READ, BoxProbe
from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.ask import read_explainers
from cxr_xai.experiments.leaderboard.arms import Arm, grid_of, prior_arm, run_arm
from cxr_xai.experiments.leaderboard.bench import Bench
from cxr_xai.experiments.leaderboard.cases import box_cases, phantom_cases
from cxr_xai.experiments.leaderboard.subject import Subject, open_subject
from cxr_xai.experiments.leaderboard.summarize import (
    enough,
    judge,
    rank,
    summarize_places,
    summarize_recall,
    summarize_reliance,
)
from cxr_xai.experiments.leaderboard.terminal import print_leaderboard
from cxr_xai.experiments.overview import log_overview, name_overview, read_group, require_logger
from cxr_xai.experiments.reliance.measure import ALL, LOCAL, measure_run
from cxr_xai.experiments.terminal import console, quiet_libraries
from cxr_xai.files import read_json, whole, write_csv, write_json
from cxr_xai.report.judged import judged_by
from cxr_xai.report.leaderboard import tabulate, write_leaderboard_report
from cxr_xai.report.leaderboard_overview import make_leaderboard_overview

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked of a run.

    Attributes:
        explainers: label → settings with a ``_target_``.
        reference: the label that all others are compared with.
        primary: the label whose comparison was declared beforehand, or None.
        max_studies: at most so many studies of each finding, and of each finding that leans on each shortcut.
        replicates: of the bootstrap; more are drawn where Holm's correction needs them.
        half: of the boxes, where no masks are known.
    """

    explainers: Mapping[str, Settings]
    reference: str
    primary: str | None = None
    max_studies: int | None = None
    replicates: int = 1000
    half: str = "monitored"

    def __post_init__(self) -> None:
        if self.reference not in self.explainers:
            raise UserError(f"reference={self.reference} is none of the explainers: {', '.join(self.explainers)}.")
        if self.max_studies is not None and not _is_count(self.max_studies):
            raise UserError(f"max_studies={self.max_studies}; it must be 1 or more, or null for all.")
        if not _is_count(self.replicates):
            raise UserError(f"bootstrap={self.replicates}; it must be a whole number, 1 or more.")
        if self.half not in READ:
            raise UserError(f"half={self.half}; it is one of {', '.join(READ)}.")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def run_leaderboard(settings: Settings) -> None:
    """Make the leaderboard that ``conf/leaderboard.yaml`` asks for.

    Raises:
        UserError: the run or an explainer cannot be used.
    """
    quiet_libraries()
    require_logger(settings)
    question = Question(
        read_explainers(settings["explainers"]),
        settings["reference"],
        None,
        settings["max_studies"],
        settings["bootstrap"],
        settings["half"],
    )
    subject = open_subject(settings["folder"], settings["root"], settings["paths"]["cache"], settings["device"])
    lead(subject, question, settings)


def lead(subject: Subject, question: Question, settings: Settings | None = None) -> dict[str, Any]:
    """Rank explainers of one run, write ``leaderboard/`` and print the table; return ``summary.json``.

    Explainers that refuse (a library that is not installed) are named at the end; the others are ranked.

    Args:
        subject: the run.
        question: what is asked of it.
        settings: their ``logger`` says where the leaderboard is shown, too; nowhere without them.

    Raises:
        UserError: nothing can be ranked, or some explainer refused.
    """
    board = LeaderboardFolder(subject.folder.path)
    bench, reliance = make_bench(subject, board, question)
    write_parquet(board.cases, bench.cases, CASE_COLUMNS)
    with whole(board.films()) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **bench.pictures())
    arms, refused = run_arms(subject, bench, board, question)
    if question.reference in refused:
        raise UserError(f"{question.reference}, the reference, refuses: {refused[question.reference]}")
    summary = summarize(subject, bench, reliance, arms, question) | {"refused": refused}
    board.write_summary(summary)
    write_csv(board.table, pd.DataFrame(tabulate(board.read_summary())))
    page = write_leaderboard_report(board)
    print_leaderboard(board.read_summary(), page)
    if settings is not None:
        log(settings, subject, board)
    if refused:
        raise UserError("; ".join(f"{label} is not ranked: {reason}" for label, reason in refused.items()))
    return board.read_summary()


def log(settings: Settings, subject: Subject, board: LeaderboardFolder) -> None:
    """Log the leaderboard as a run of its own, in the group of the run that it is about."""
    if settings["logger"]["overview"] is None:
        return
    group = read_group(subject.folder)
    run_id = name_overview("leaderboard", group, subject.folder.path.resolve().name)
    log_overview(settings, make_leaderboard_overview(board, group), board.path, group, run_id)


def make_bench(subject: Subject, board: LeaderboardFolder, question: Question) -> tuple[Bench, pd.DataFrame]:
    """Choose the cases; on a phantom the reliance on shortcuts is measured first, or read where it was."""
    purpose = f"leaderboard of {len(question.explainers)} explainers"
    path, studies = subject.folder.ledger, len(subject.data.dataset("test").rows)
    if subject.truth is None:
        probe = BoxProbe(subject.data, _nobody(), question.half)
        cases = box_cases(subject, probe, question.max_studies)
        note_read(path, READ[question.half], purpose, len(cases))
        return Bench(subject, cases, probe), pd.DataFrame(columns=list(RELIANCE_COLUMNS))
    note_read(path, "test labels", purpose, studies)
    reliance = read_reliance(subject, board)
    return Bench(subject, phantom_cases(subject, reliance, question.max_studies)), reliance


def read_reliance(subject: Subject, board: LeaderboardFolder) -> pd.DataFrame:
    """Return the reliance on each shortcut as the run measured it, else as measured here, once for these weights."""
    if subject.folder.reliance.is_file():
        reliance = pd.read_parquet(subject.folder.reliance)
        return reliance[reliance["shortcut"] != ALL].reset_index(drop=True)
    text = json.dumps([subject.weights, subject.code, subject.summary["protocol"]["data_sha256"]])
    key, record = hashlib.sha256(text.encode()).hexdigest(), board.reliance.with_suffix(".json")
    if board.reliance.is_file() and record.is_file() and read_json(record) == {"key": key}:
        reliance = pd.read_parquet(board.reliance)
    else:
        record.unlink(missing_ok=True)
        measured = measure_run(subject.data, subject.model, subject.tta, subject.device, subject.decision)
        assert measured is not None  # it is a phantom
        reliance = measured
        write_parquet(board.reliance, reliance, RELIANCE_COLUMNS)
        write_json(record, {"key": key})
    return reliance[reliance["shortcut"] != ALL].reset_index(drop=True)


def _nobody() -> Any:
    """Stand in for an explainer where a probe only lends its boxes."""
    from types import SimpleNamespace

    return SimpleNamespace(name="")


def run_arms(
    subject: Subject, bench: Bench, board: LeaderboardFolder, question: Question
) -> tuple[dict[str, Arm], dict[str, str]]:
    """Run every explainer; return what they achieved, and why others refused."""
    arms: dict[str, Arm] = {}
    refused: dict[str, str] = {}
    for label, settings in question.explainers.items():
        try:
            arm = run_arm(subject, bench, board, label, settings)
        except UserError as error:
            refused[label] = str(error)
            console.print(f"[red]{label}[/] refuses", highlight=False)
            continue
        arms[label] = arm
        how = "was there" if arm.reused else f"{arm.about['maps']:,} maps in {arm.about['seconds']:.1f} s"
        console.print(f"[bold]{label}[/]: {how}", highlight=False)
    prior = prior_arm(bench, grid_of(subject))
    return {**arms, prior.label: prior}, refused


def summarize(
    subject: Subject, bench: Bench, reliance: pd.DataFrame, arms: Mapping[str, Arm], question: Question
) -> dict[str, Any]:
    """Put together ``summary.json``."""
    mode = "phantom" if subject.truth is not None else "boxes"
    cases, reference = bench.cases, arms[question.reference]
    replicates = max(question.replicates, enough((len(arms) - 1) * (len(LOCAL) if mode == "phantom" else 1)))
    rows = []
    for label, arm in arms.items():
        row: dict[str, Any] = {"label": label, "control": arm.control, "reference": label == question.reference}
        row |= {key: arm.about[key] for key in ("seconds", "maps", "grid", "residual")}
        row["settings"] = {k: v for k, v in arm.about["settings"].items() if k != "_target_"}
        row["background"] = arm.about["background"]
        if mode == "boxes":
            row["boxes"] = summarize_places(cases, arm, reference, "box", replicates)
        else:
            row["lesions"] = summarize_places(cases, arm, reference, "lesion", replicates)
            for kind in ("for", "against"):
                row[kind] = summarize_recall(cases, arm, reference, kind, replicates)
        rows.append(row)
    judge(rows, mode, question.primary)
    return {
        "mode": mode,
        "half": question.half if mode == "boxes" else None,
        "judged_by": judged_by(subject.data.index.masks) if mode == "boxes" else "masks",
        "run": subject.folder.path.name,
        "epoch": subject.summary["best_epoch"],
        "weights_sha256": subject.weights,
        "code_sha256": subject.code,
        "protocol": dict(subject.summary["protocol"]),
        "reference": question.reference,
        "primary": question.primary,
        "max_studies": question.max_studies,
        "replicates": replicates,
        "cases": {kind: int((cases["kind"] == kind).sum()) for kind in ("lesion", "for", "against", "box")},
        "studies": int(cases["image_id"].nunique()),
        "patients": int(cases["patient_id"].nunique()),
        "device": str(subject.device.type),
        "arms": rank(rows, mode),
        "reliance": summarize_reliance(reliance, replicates) if len(reliance) else [],
    }
