"""Scores a checkpoint on any data set: python scripts/evaluate.py checkpoint=<run> datamodule=nih datamodule.root=…"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.artifacts.certificate import hash_files
from cxr_xai.artifacts.ledger import What, note_read
from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PREDICTION_COLUMNS, RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.file import FileSplit
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.split import SplitScheme
from cxr_xai.errors import UserError
from cxr_xai.experiments.assemble import build_datamodule
from cxr_xai.experiments.build import build
from cxr_xai.experiments.cell import strip
from cxr_xai.experiments.evaluate.adjudicated import summarize_adjudicated
from cxr_xai.experiments.evaluate.boxes import divide_boxed, score_boxes
from cxr_xai.experiments.evaluate.decide import decide
from cxr_xai.experiments.evaluate.describe import list_marks, list_unknown, make_evaluation_certificate
from cxr_xai.experiments.evaluate.published import PublishedTest
from cxr_xai.experiments.evaluate.scored import PARTS, Scored, choose_studies, is_same_source
from cxr_xai.experiments.evaluate.show import print_adjudicated
from cxr_xai.experiments.evaluate.summarize import summarize_evaluation
from cxr_xai.experiments.logits import predict_rows
from cxr_xai.experiments.reopen import Run, open_run
from cxr_xai.experiments.require import require_folder, require_numbers
from cxr_xai.experiments.results import tabulate_predictions
from cxr_xai.experiments.run import write_config
from cxr_xai.experiments.state import claim_run, move_aside
from cxr_xai.experiments.terminal import ProgressBar, console, print_results, quiet_libraries
from cxr_xai.files import read_json, write_csv, write_json
from cxr_xai.metrics.decision import Decision
from cxr_xai.report.evaluated import write_evaluated_report

Settings = Mapping[str, Any]

IDENTITY = {"weights": "checkpoint", "code": "code", "data": "data", "films to be scored": "split", "settings": "asked"}
"""What must not have changed, and the section of the certificate that has its ``sha256``."""


def run_evaluate(settings: Settings, choices: Mapping[str, str]) -> None:
    """Evaluate what ``conf/evaluate.yaml`` names: start, go on after the last table written, or show what is there.

    Raises:
        UserError: a setting is unfit, the run or the data are not there or have met, or another process works there.
    """
    quiet_libraries()
    check_asked(settings)
    run = open_run(settings["checkpoint"], settings["device"])
    data = open_data(settings, run)
    part = choose_part(settings, run, data)
    scored = choose_studies(run, data, part, choose_scheme(settings, run, data, part), settings["may_have_met"])
    name = name_evaluation(settings, choices, run, scored, data)
    folder = RunFolder(settings["output"] or run.folder.path / "evaluated" / name)
    if folder.checkpoints.is_dir():
        raise UserError(f"output={folder.path} is a run folder; name another place.")
    if settings["fresh"] and (aside := move_aside(folder)):
        console.print(f"moved the former evaluation to {aside}", soft_wrap=True)
    require_folder(folder.path)
    with claim_run(folder):
        evaluate(run, data, scored, settings, choices, folder)


def check_asked(settings: Settings) -> None:
    """Refuse settings that nothing can be done with.

    Raises:
        UserError: names the first such key.
    """
    if settings["part"] not in (None, *PARTS):
        raise UserError(f"part={settings['part']}: expected {', '.join(PARTS[:-1])} or {PARTS[-1]}.")
    for key in ("boxes", "fresh", "may_have_met"):
        if not isinstance(settings[key], bool):
            raise UserError(f"{key}={settings[key]}: expected true or false.")
    require_numbers(settings, bootstrap=1)


def open_data(settings: Settings, run: Run) -> ChestXrayDataModule:
    """Build the source that is scored, the run's own if none is named; films are as large as the run's were."""
    if "_target_" not in settings["datamodule"]:
        return run.reach(settings["root"], settings["paths"]["cache"])
    size = run.settings["datamodule"]["image_size"]
    return build_datamodule({**settings, "datamodule": {**settings["datamodule"], "image_size": size}})


def choose_part(settings: Settings, run: Run, data: ChestXrayDataModule) -> str:
    """Return the part that is named; without one ``test``, or ``all`` of another source that publishes no test list.

    Raises:
        UserError: such a source divides its films all the same, and one number over both kinds would mix their labels.
    """
    if settings["part"] is not None:
        return str(settings["part"])
    divided = "split" in settings or is_same_source(read_json(run.folder.certificate)["data"], data)
    official = data.index.studies["official"]
    if divided or (official == "test").any():
        return "test"
    if 0 < (trained := int((official == "train_val").sum())) < len(official):
        held_out = "held_out" in settings["datamodule"].get("reader", {})
        way_out = "the others with datamodule.reader.held_out=valid, or all" if held_out else "all"
        raise UserError(
            f"{data.index.name} has no published test part here, and {trained:,} films of its training part beside "
            f"{len(official) - trained:,} others, whose labels may be of another kind: score {way_out} of them as one "
            "with part=all."
        )
    return "all"


def choose_scheme(settings: Settings, run: Run, data: ChestXrayDataModule, part: str) -> SplitScheme:
    """Return the scheme that is named; without one that of the run on its own source, the official lists elsewhere."""
    if "split" in settings:
        scheme: SplitScheme = build(settings["split"], "split")
        return scheme
    same = is_same_source(read_json(run.folder.certificate)["data"], data)
    listed = set(data.index.studies["official"].dropna())
    if not same and part == "test" and listed == {"test"}:  # a copy of the test part alone
        return PublishedTest()
    return FileSplit(str(run.folder.split)) if same else OfficialSplit()


def name_evaluation(
    settings: Settings, choices: Mapping[str, str], run: Run, scored: Scored, data: ChestXrayDataModule
) -> str:
    """Return ``<datamodule>-<split>-<part>[-<checkpoint>]-<hash8>``, or ``<datamodule>-all-…`` without a split.

    Where no member was chosen the source and the scheme are named.
    """
    source = choices["datamodule"] if "_target_" in settings["datamodule"] else data.index.name
    scheme = choices["split"] if "split" in settings else scored.scheme
    divided = [] if scored.part == "all" else [scheme]
    other = [] if run.is_best else [run.checkpoint.stem]
    parts = [source, *divided, scored.part, *other, hash_asked(settings, scored.part)[:8]]
    return re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(parts))


def hash_asked(settings: Settings, part: str) -> str:
    """Return the SHA-256 over the settings that change the numbers; places and devices do not."""
    told = {key: settings[key] for key in ("datamodule", "boxes", "bootstrap")} | {"part": part}
    told["datamodule"] = {k: v for k, v in told["datamodule"].items() if k not in ("image_size", "batch_size", "seed")}
    told["split"] = None if part == "all" else settings.get("split")
    return hashlib.sha256(json.dumps(strip(told), sort_keys=True, default=str).encode()).hexdigest()


def evaluate(
    run: Run,
    data: ChestXrayDataModule,
    scored: Scored,
    settings: Settings,
    choices: Mapping[str, str],
    folder: RunFolder,
) -> None:
    """Do what `run_evaluate` says, in a folder that is ours; the summary comes last."""
    boxed = divide_boxed(run, data, scored)
    boxed = boxed if settings["boxes"] else {half: rows[:0] for half, rows in boxed.items()}
    certificate = make_evaluation_certificate(run, data, scored, boxed)
    certificate["asked"] = {"sha256": hash_asked(settings, scored.part)}
    marks = list_marks(run, data, scored, settings["datamodule"]["image_size"])
    if is_complete(folder, certificate):
        console.print(f"{folder.path} is complete; fresh=true would start anew.", soft_wrap=True)
        show(folder)
        return
    root, cache = settings["root"], settings["paths"]["cache"]
    decision, val = decide(run, root, cache)
    name, size = data.index.name, len(scored.rows)
    console.print(
        f"[bold]{name}[/], part {scored.part}: {size:,} films, by {certificate['run']['name']}", soft_wrap=True
    )
    write_config(folder, settings, choices)
    write_csv(folder.quarantine, data.quarantine)
    write_json(folder.certificate, certificate)
    what: What = "val labels" if scored.part == "val" else "test labels"
    note_read(run.folder.ledger, what, f"evaluation on {name}, part {scored.part}", size)
    predictions = predict(run, data, scored, decision, folder)
    if any(len(rows) for rows in boxed.values()) and not folder.localization.is_file():
        scores = score_boxes(run, data, boxed, decision.epoch, root, cache)
        folder.write_table(folder.localization, scores, LOCALIZATION_COLUMNS)
    with console.status("summarizing …"):
        summary = summarize_evaluation(run, data, scored, certificate, decision, (val, predictions), folder, settings)
    about = {"run": certificate["run"], "checkpoint": certificate["checkpoint"], "part": scored.part, "marks": marks}
    about |= {"left_out": dict(scored.left_out), "unknown": list_unknown(data, scored)}
    about["adjudicated"] = summarize_adjudicated(data.index, predictions, settings["bootstrap"])
    folder.write_summary({**summary, "evaluation": about, "files": hash_files(folder)})
    show(folder)


def is_complete(folder: RunFolder, certificate: Settings) -> bool:
    """Tell whether all of it is there; tables that belong to something else and were not finished are removed.

    Raises:
        UserError: a finished evaluation is there, of other weights, code, data or settings.
    """
    old = read_json(folder.certificate) if folder.certificate.is_file() else {}
    for what, section in IDENTITY.items():
        was, now = old.get(section, {}).get("sha256"), certificate[section]["sha256"]
        if was != now and folder.summary.is_file():
            raise UserError(
                f"{folder.path} was made with other {what} ({str(was)[:8]}, now {now[:8]}); fresh=true moves it aside "
                "and starts anew."
            )
        if was != now:
            for table in (folder.predictions, folder.localization):
                table.unlink(missing_ok=True)
    return folder.summary.is_file()


def predict(run: Run, data: ChestXrayDataModule, scored: Scored, decision: Decision, folder: RunFolder) -> pd.DataFrame:
    """Predict the scored studies and write ``predictions.parquet``, or read what a former call wrote."""
    if not folder.predictions.is_file():
        logits = predict_rows(run.predict, data, scored.rows, run.device, ProgressBar("predicting"))
        studies, target = data.index.studies.iloc[scored.rows], data.index.targets[scored.rows]
        table = tabulate_predictions(studies, scored.part, logits.astype(np.float32), target, decision)
        folder.write_table(folder.predictions, table, PREDICTION_COLUMNS)
    return pd.read_parquet(folder.predictions)


def show(folder: RunFolder) -> None:
    """Print the tables and the marks of a complete evaluation, and write its page if it is not there."""
    summary = folder.read_summary()
    page = folder.report if folder.report.is_file() else write_evaluated_report(folder)
    for mark in summary["evaluation"]["marks"]:
        console.print(mark, style="yellow", soft_wrap=True)
    print_results(summary, Path(page))
    if adjudicated := summary["evaluation"].get("adjudicated"):
        print_adjudicated(adjudicated)
