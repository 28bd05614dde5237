"""One run from configuration to report: prepare, train, predict, explain, summarize, show."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import torch
import yaml
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from cxr_xai.artifacts.files import whole, write_json
from cxr_xai.artifacts.run_folder import PREDICTION_COLUMNS, RunFolder
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.callbacks.consumers.panels import Panels, write_panels
from cxr_xai.callbacks.consumers.score import Score
from cxr_xai.callbacks.consumers.store import Store
from cxr_xai.callbacks.explain_epoch import ExplainEpoch
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.experiments.build import build
from cxr_xai.experiments.cell import hash_settings, name_cell
from cxr_xai.experiments.certify import make_certificate
from cxr_xai.experiments.check import check_choices
from cxr_xai.experiments.gallery import explain_gallery
from cxr_xai.experiments.state import State, find_state, move_aside
from cxr_xai.experiments.summary import summarize_classification, summarize_localization
from cxr_xai.experiments.terminal import ProgressBar, console, print_data, print_results
from cxr_xai.explainers.contract import Explainer
from cxr_xai.findings import FINDINGS
from cxr_xai.loggers.csv import MetricsCsv
from cxr_xai.report.write import write_report
from cxr_xai.training.module import ChestXrayModule

Settings = Mapping[str, Any]
STREAMS = {"initialization": 1, "training": 2}
"""Separate random streams, so that a change to one leaves the other as it was; order and augmentation have their own."""


@dataclass(frozen=True)
class Parts:
    """The objects of a run, joined."""

    folder: RunFolder
    datamodule: ChestXrayDataModule
    module: ChestXrayModule
    explainer: Explainer
    trainer: Trainer
    loggers: list[Logger]


def run_training(config: DictConfig, choices: dict[str, str]) -> None:
    """Run a composed configuration: start, continue, or show what is there."""
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    check_choices(settings, choices)
    cell = name_cell(settings, choices)
    folder = RunFolder(Path(settings["paths"]["outputs"]) / settings["name"] / cell)
    if settings["fresh"] and lightning.fabric.utilities.rank_zero_only.rank == 0 and (aside := move_aside(folder.path)):
        console.print(f"moved the former run to {aside}")
    datamodule = build_datamodule(settings)
    certificate = make_certificate(datamodule, settings, hash_settings(settings))
    state = find_state(folder, certificate, settings["trainer"]["max_epochs"])
    if state is State.COMPLETE:
        console.print(f"{folder.path} is complete; fresh=true would start anew.", soft_wrap=True)
        print_results(folder.read_summary(), folder.report)
        return
    print_data(certificate)
    parts = assemble(settings, choices, folder, datamodule, cell)
    if parts.trainer.is_global_zero:
        write_config(folder, settings, choices)
        write_json(folder.certificate, certificate)
    seconds = fit(parts, settings["seed"])
    finish(parts, settings, choices, seconds)


def build_datamodule(settings: Settings) -> ChestXrayDataModule:
    """Build source, split, transform and balancing, and make films and parts ready."""
    context = {key: build(settings[key], key) for key in ("split", "transform", "balancing")}
    context["progress"] = ProgressBar("films")
    datamodule: ChestXrayDataModule = build(settings["datamodule"], "datamodule", context)
    datamodule.prepare_data()
    return datamodule


def assemble(
    settings: Settings, choices: Mapping[str, str], folder: RunFolder, datamodule: ChestXrayDataModule, cell: str
) -> Parts:
    """Build model, loss, callbacks, loggers and trainer."""
    lightning.seed_everything(settings["seed"] * 10 + STREAMS["initialization"], workers=False, verbose=False)
    model = build(settings["model"], "model")
    loss = build(settings["loss"], "loss", {"pos_weight": datamodule.plan.pos_weight})
    module = ChestXrayModule(
        model, loss, build(settings["optimizer"], "optimizer"), build(settings["scheduler"], "scheduler"), settings["monitor"]
    )
    explainer = build(settings["explainer"], "explainer")
    context = {"explainer": explainer, "folder": folder, "datamodule": datamodule, "dirpath": folder.checkpoints}
    callbacks: list[Callback] = [
        build(entry, f"callbacks.{key}", context) for key, entry in settings["callbacks"].items() if entry is not None
    ]
    loggers: list[Logger] = [MetricsCsv(folder.metrics)]
    if (extra := settings["logger"]["extra"]) is not None:
        identity = {
            "save_dir": folder.path,
            "name": cell,
            "group": settings["name"],
            "salt": read_salt(Path(settings["paths"]["outputs"])),
            "run_id": cell.rpartition("-")[2],
        }
        loggers.append(build(extra, "logger.extra", identity))
    trainer = build(settings["trainer"], "trainer", {"callbacks": callbacks, "logger": loggers, "default_root_dir": folder.path})
    for logger in loggers:
        logger.log_hyperparams(public_settings(settings, choices))
    return Parts(folder, datamodule, module, explainer, trainer, loggers)


def fit(parts: Parts, seed: int) -> float:
    """Train from the start or from the last finished epoch; return the seconds it took."""
    last = parts.folder.last if parts.folder.last.is_file() else None
    if last is not None:
        epoch = torch.load(last, map_location="cpu", weights_only=True)["epoch"] + 1
        for logger in parts.loggers:
            if isinstance(logger, MetricsCsv):
                logger.cut(epoch)
        console.print(f"continuing after {epoch} finished epochs")
    lightning.seed_everything(seed * 10 + STREAMS["training"], workers=False, verbose=False)
    start = time.perf_counter()
    parts.trainer.fit(parts.module, datamodule=parts.datamodule, ckpt_path=last, weights_only=True)
    return time.perf_counter() - start


def finish(parts: Parts, settings: Settings, choices: Mapping[str, str], seconds: float) -> None:
    """Predict and explain with the best weights, and write everything that readers need; the summary comes last."""
    folder, trainer, datamodule = parts.folder, parts.trainer, parts.datamodule
    best = torch.load(folder.best, map_location="cpu", weights_only=True)
    trainer.predict(parts.module, datamodule=datamodule, ckpt_path=folder.best, return_predictions=False, weights_only=True)
    device = trainer.strategy.root_device
    model = parts.module.model.to(device)
    probe = BoxProbe(datamodule, parts.explainer, "sealed")
    explained = probe.explain(model, device, best["epoch"]) if len(probe.rows) else None
    if not trainer.is_global_zero:
        return
    predictions = make_predictions(datamodule, parts.module.gathered)
    predictions = with_decisions(predictions)
    folder.write_table(folder.predictions, predictions, PREDICTION_COLUMNS)
    if explained is not None:
        for consumer in (Score(folder), Panels(folder, datamodule, count=16), Store(folder, datamodule)):
            consumer.consume(explained, trainer)
    gallery = explain_gallery(predictions, datamodule, parts.explainer, model, device, best["epoch"])
    pictures = write_panels(folder, parts.explainer.name, gallery)
    summary = summarize(parts, settings, predictions, best["epoch"], seconds)
    for logger in parts.loggers:
        logger.log_metrics({**flatten(summary), "epoch": best["epoch"]}, trainer.global_step)
        if hasattr(logger, "log_panels"):
            logger.log_panels(gallery, pictures, trainer.global_step)
        if hasattr(logger, "close"):
            logger.close()
    folder.write_summary(summary)
    print_results(summary, write_report(folder))


def make_predictions(datamodule: ChestXrayDataModule, gathered: list[tuple[Tensor, Tensor, Tensor]]) -> pd.DataFrame:
    """Return the long table of val and test without decisions."""
    tables = []
    for part, (rows, logits, target) in zip(("val", "test"), gathered, strict=True):
        studies = datamodule.index.studies.iloc[rows.numpy()]
        for k, name in enumerate(FINDINGS):
            table = studies[["image_id", "patient_id"]].assign(part=part, finding=name)
            table["target"], table["logit"] = target[:, k].numpy(), logits[:, k].numpy()
            table["prob"] = torch.sigmoid(logits[:, k].double()).numpy()
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def with_decisions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Add ``pred``: 1 where the probability reaches the finding's threshold from val."""
    from cxr_xai.experiments.summary import widen
    from cxr_xai.metrics.classification import choose_thresholds

    thresholds, _ = choose_thresholds(*widen(predictions, "val")[:2])
    reached = predictions["prob"] >= predictions["finding"].map(dict(zip(FINDINGS, thresholds, strict=True)))
    return predictions.assign(pred=reached.astype("int8"))


def summarize(parts: Parts, settings: Settings, predictions: pd.DataFrame, best_epoch: int, seconds: float) -> dict[str, Any]:
    """Put all numbers of the run together."""
    index, trainer = parts.datamodule.index, parts.trainer
    views = index.studies.set_index("image_id")["view"]
    stopping = next((c for c in trainer.callbacks if isinstance(c, EarlyStopping)), None)  # type: ignore[attr-defined]
    explain = next((c for c in trainer.callbacks if isinstance(c, ExplainEpoch)), None)  # type: ignore[attr-defined]
    localization: dict[str, Any] = {}
    if parts.folder.localization.is_file():
        table = pd.read_parquet(parts.folder.localization)
        for (explainer, half), rows in table.groupby(["explainer", "half"]):
            final = rows[rows["epoch"] == rows["epoch"].max()]
            localization.setdefault(str(explainer), {})[str(half)] = summarize_localization(final, settings["bootstrap"])
    return {
        "protocol": {
            "source": index.name,
            "split": parts.datamodule.split.scheme,
            "label_file": next(iter(index.sources)),
            "about": dict(index.about),
            "threshold_source": "val",
            "boxes": "monitored half watched, sealed half scored once",
            "label": f"{index.name}, split {parts.datamodule.split.scheme}",
        },
        "classification": summarize_classification(predictions, views, settings["bootstrap"]),
        "localization": localization,
        "best_epoch": best_epoch,
        "epochs": trainer.current_epoch,
        "max_epochs": settings["trainer"]["max_epochs"],
        "stopped_early": bool(stopping and stopping.stopped_epoch),
        "seconds": {"fit": seconds, "explain": explain.seconds if explain else 0.0},
        "explain_share": explain.share if explain else None,
    }


def flatten(summary: Settings) -> dict[str, float]:
    """Return the scalars that loggers show: ``test/auroc/<finding>``, ``sealed/iou/<finding>``, ``sealed/skill/macro``."""
    scalars = {}
    test = summary["classification"]["test"]
    for name, row in test["findings"].items():
        scalars[f"test/auroc/{name}"] = row["auroc"]["value"]
    scalars["test/auroc/macro"] = test["macro"]["auroc"]["value"]
    for halves in summary["localization"].values():
        for name, row in halves.get("sealed", {"findings": {}})["findings"].items():
            for key in ("pointing", "energy", "iou", "skill"):
                scalars[f"sealed/{key}/{name}"] = row[key]["value"]
        if "sealed" in halves:
            scalars["sealed/skill/macro"] = halves["sealed"]["macro"]["skill"]["value"]
    return scalars


def write_config(folder: RunFolder, settings: Settings, choices: Mapping[str, str]) -> None:
    """Write the resolved configuration; the chosen members head it as a comment."""
    chosen = " ".join(f"{group}={name}" for group, name in choices.items())
    with whole(folder.config) as partial:
        partial.write_text(f"# {chosen}\n{yaml.safe_dump(dict(settings), sort_keys=False)}")


def public_settings(settings: Settings, choices: Mapping[str, str]) -> dict[str, Any]:
    """Return what may leave the machine: choices and settings without paths."""
    hidden = {"paths", "logger"}
    kept = {key: value for key, value in settings.items() if key not in hidden}
    kept["datamodule"] = {k: v for k, v in settings["datamodule"].items() if k not in ("root", "cache_dir")}
    return {"choices": dict(choices), **kept}


def read_salt(outputs: Path) -> str:
    """Return the secret behind all pseudonyms of this outputs folder; made on first use, never logged."""
    path = outputs / ".salt"
    if not path.is_file():
        with whole(path) as partial:
            partial.write_text(secrets.token_hex(16))
            partial.chmod(0o600)
    return path.read_text().strip()
