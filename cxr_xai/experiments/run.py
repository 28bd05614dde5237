"""One run from configuration to report: prepare, train, predict, explain, summarize, show."""

import atexit
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cxr_xai.artifacts.certificate import hash_files
from cxr_xai.artifacts.ledger import first_read, note_read, read_ledger
from cxr_xai.artifacts.run_folder import PREDICTION_COLUMNS, RELIANCE_COLUMNS, RunFolder
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.callbacks.consumers.panels import Panels, write_panels
from cxr_xai.callbacks.consumers.score import Score
from cxr_xai.callbacks.consumers.store import Store
from cxr_xai.data.splits.file import write_split
from cxr_xai.data.splits.split import EXTERNAL
from cxr_xai.experiments.assemble import Parts, assemble, build_datamodule, seed_stream
from cxr_xai.experiments.cell import hash_settings, name_cell
from cxr_xai.experiments.certify import add_plans, list_plans, make_certificate
from cxr_xai.experiments.conclude import conclude
from cxr_xai.experiments.gallery import explain_gallery
from cxr_xai.experiments.recording import recorded
from cxr_xai.experiments.reliance.measure import measure_run
from cxr_xai.experiments.results import decide_on_val, make_predictions, summarize
from cxr_xai.experiments.resume import find_checkpoint, go_back, read_best
from cxr_xai.experiments.state import State, claim_run, find_state, move_aside
from cxr_xai.experiments.terminal import console, print_data, print_results, quiet_libraries
from cxr_xai.experiments.weights import describe_weights
from cxr_xai.files import read_json, whole, write_csv, write_json
from cxr_xai.metrics.decision import write_calibration
from cxr_xai.report.write import write_report
from cxr_xai.signals import STOP

Settings = Mapping[str, Any]


def run_training(settings: Settings, choices: Mapping[str, str]) -> None:
    """Run a composed configuration: start, continue, or show what is there.

    Raises:
        UserError: another process works in the folder, and other mistakes that a person can mend.
    """
    quiet_libraries()
    console.quiet = not _is_first_process()
    cell = name_cell(settings, choices)
    folder = RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / cell)
    if not _is_first_process():
        work(settings, choices, folder, cell)
        return
    if settings["fresh"] and (aside := move_aside(folder)):
        console.print(f"moved the former run to {aside}", soft_wrap=True)
    with claim_run(folder):
        work(settings, choices, folder, cell)


def work(settings: Settings, choices: Mapping[str, str], folder: RunFolder, cell: str) -> None:
    """Do what ``run_training`` says, in a folder that is ours."""
    datamodule = build_datamodule(settings)
    certificate = make_certificate(datamodule, settings, hash_settings(settings))
    certificate["plans"] = list_plans(folder, settings["plan"])
    certificate["weights"] = describe_weights(settings, datamodule)
    state = find_state(folder, certificate, settings["trainer"]["max_epochs"])
    if state is State.COMPLETE:
        console.print(f"{folder.path} is complete; fresh=true would start anew.", soft_wrap=True)
        if settings["logger"]["extra"] is not None and not (folder.path / "wandb").is_dir():
            console.print("It ran without this logger, which therefore has no record of it.", style="yellow")
        if add_plans(folder, certificate["plans"]):
            console.print("The plan came after test labels were read: it is recorded as post hoc.", style="yellow")
        close(folder, settings["keep"])
        return
    print_data(certificate)
    parts = assemble(settings, choices, folder, datamodule, cell)
    if parts.module.finetune is not None and parts.module.finetune.freezes and not certificate["weights"]["trained_on"]:
        words = f"finetune={choices['finetune']} freezes layers that model.weights=none leaves as they were drawn."
        console.print(words, style="yellow")
    if parts.trainer.is_global_zero:
        write_config(folder, settings, choices)
        write_split(folder.split, datamodule.source.studies, datamodule.split)
        write_csv(folder.quarantine, datamodule.quarantine)
        write_json(folder.certificate, certificate)
        note_guidance(folder, certificate)
    with recorded(parts.loggers):
        seconds = fit(parts, settings["seed"])
        finish(parts, settings, choices, seconds)


def note_guidance(folder: RunFolder, certificate: Mapping[str, Any]) -> None:
    """Note once in the ledger that training boxes are about to guide; a run that goes on has noted it."""
    films = certificate["boxes"].get("trained_studies", 0)
    if films and first_read(read_ledger(folder.ledger), "training boxes") is None:
        note_read(folder.ledger, "training boxes", "guidance", films)


def _is_first_process() -> bool:
    """True before and outside of process groups, and in the process that launched the others."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "RANK", "SLURM_PROCID"))


def fit(parts: Parts, seed: int) -> float:
    """Train from the start or from the last step written; return the seconds it took, those before a cut included."""
    found = find_checkpoint(parts)
    if parts.trainer.is_global_zero:
        go_back(parts, found)
    seed_stream(seed, "training")
    start = time.perf_counter()
    path = None if found is None else found.path
    try:
        with STOP.deferred():
            parts.trainer.fit(parts.module, datamodule=parts.datamodule, ckpt_path=path, weights_only=True)
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):  # Lightning turns Ctrl-C into a silent exit
            raise KeyboardInterrupt from None
        raise
    except Exception:
        _end_others_with_us(parts)
        raise
    return time.perf_counter() - start + (0.0 if found is None else found.seconds)


def _end_others_with_us(parts: Parts) -> None:
    """Let the processes that this one started end when it does: they would wait for it in a collective call."""
    launcher: Any = parts.trainer.strategy.launcher
    if hasattr(launcher, "kill"):
        atexit.register(launcher.kill, signal.SIGKILL)  # not at once: their end would be answered with ours


def finish(parts: Parts, settings: Settings, choices: Mapping[str, str], seconds: float) -> None:
    """Predict and explain with the best weights, and write everything that readers need; the summary comes last."""
    folder, trainer, datamodule = parts.folder, parts.trainer, parts.datamodule
    best = read_best(parts)
    if trainer.is_global_zero:
        note_read(folder.ledger, "test labels", "predictions and their summary", len(datamodule.dataset("test").rows))
        if held := len(datamodule.split.rows(EXTERNAL)):
            note_read(folder.ledger, "test labels", "predictions of the held-out test list", held)
    trainer.predict(
        parts.module, datamodule=datamodule, ckpt_path=folder.best, return_predictions=False, weights_only=True
    )
    device = trainer.strategy.root_device
    model = parts.module.model.to(device)
    probe = BoxProbe(datamodule, parts.explainer, "sealed", folder=folder)
    explained = probe.explain(model, device, best["epoch"]) if len(probe.rows) else None
    if not trainer.is_global_zero:
        return
    decision = decide_on_val(parts, best["epoch"])
    write_calibration(folder.calibration, decision)
    predictions = make_predictions(datamodule, parts.module.gathered, decision)
    folder.write_table(folder.predictions, predictions, PREDICTION_COLUMNS)
    if explained is not None:
        for consumer in (Score(folder), Panels(folder, datamodule, count=16), Store(folder, datamodule)):
            consumer.consume(explained, trainer)
    if (reliance := measure_run(datamodule, model, parts.module.tta, device, decision)) is not None:
        folder.write_table(folder.reliance, reliance, RELIANCE_COLUMNS)
    gallery = explain_gallery(predictions, datamodule, parts.explainer, model, device, best["epoch"])
    pictures = write_panels(folder, parts.explainer.name, gallery)
    summary = summarize(parts, settings, predictions, decision, best["epoch"], seconds)
    certificate = read_json(folder.certificate)
    conclude(parts.loggers, summary, certificate, predictions, (gallery, pictures), trainer.global_step)
    folder.write_summary({**summary, "files": hash_files(folder)})
    close(folder, settings["keep"])


def close(folder: RunFolder, keep: Sequence[str]) -> None:
    """Do what follows the summary, as far as it is not done: drop checkpoints, write the report; then show results."""
    folder.keep_checkpoints(keep)
    print_results(folder.read_summary(), folder.report if folder.report.is_file() else write_report(folder))


def write_config(folder: RunFolder, settings: Settings, choices: Mapping[str, str]) -> None:
    """Write the resolved configuration; the chosen members head it as a comment."""
    chosen = " ".join(f"{group}={name}" for group, name in choices.items())
    with whole(folder.config) as partial:
        partial.write_text(f"# {chosen}\n{yaml.safe_dump(dict(settings), sort_keys=False)}")
