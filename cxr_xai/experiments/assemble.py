"""Settings become the objects of a run, joined and ready to train."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import numpy.typing as npt
import torch
from lightning import Callback, Trainer
from lightning.pytorch.loggers import Logger

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.artifacts.checkpoint import Identity
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.ema import Ema
from cxr_xai.callbacks.finite import Finite
from cxr_xai.callbacks.progress_file import ProgressFile
from cxr_xai.callbacks.records import Records
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.films.files import Films
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.experiments.cell import hash_settings
from cxr_xai.experiments.cluster.environment import choose_environment
from cxr_xai.experiments.explaining import build_explainer
from cxr_xai.experiments.guiding import build_guide
from cxr_xai.experiments.recording import describe_run, public_settings, read_salt
from cxr_xai.experiments.terminal import ProgressBar
from cxr_xai.explainers.contract import Explainer
from cxr_xai.loggers.csv import MetricsCsv
from cxr_xai.metrics.calibration.contract import Calibration
from cxr_xai.metrics.thresholds.contract import Threshold
from cxr_xai.training.features import embed_films
from cxr_xai.training.module import ChestXrayModule

Settings = Mapping[str, Any]
STREAMS = {"initialization": 1, "training": 2}
"""Separate random streams, so that a change to one leaves the other as it was; order and
augmentation have their own."""


@dataclass(frozen=True)
class Parts:
    """The objects of a run, joined."""

    folder: RunFolder
    datamodule: ChestXrayDataModule
    module: ChestXrayModule
    explainer: Explainer
    calibration: Calibration
    threshold: Threshold
    trainer: Trainer
    loggers: list[Logger]
    identity: Identity


def seed_stream(seed: int, stream: str) -> None:
    """Seed the global random states for one purpose."""
    lightning.seed_everything(seed * 10 + STREAMS[stream], workers=False, verbose=False)


def build_datamodule(settings: Settings) -> ChestXrayDataModule:
    """Build source, split, transform and balancing, and make films and parts ready."""
    handed = {"embed": partial(embed_with_backbone, settings)}
    context = {key: build(settings[key], key, handed) for key in ("split", "transform", "balancing") if key in settings}
    context["progress"] = ProgressBar("films")
    datamodule: ChestXrayDataModule = build(settings["datamodule"], "datamodule", context)
    datamodule.prepare_data()
    return datamodule


def embed_with_backbone(settings: Settings, films: Films, count: int) -> npt.NDArray[np.float32]:
    """Embed films by the trunk that is about to be trained, before it is.

    Raises:
        UserError: the trunk has seen nothing yet.
    """
    if settings["model"].get("weights", "none") == "none":
        raise UserError(
            "balancing.embedding=backbone needs a trained backbone, and model.weights=none has none; "
            "use model.weights=imagenet or a file, or balancing.embedding=pca."
        )
    return embed_films(build(settings["model"], "model"), films, count)


def assemble(
    settings: Settings, choices: Mapping[str, str], folder: RunFolder, datamodule: ChestXrayDataModule, cell: str
) -> Parts:
    """Build model, loss, callbacks, loggers and trainer."""
    seed_stream(settings["seed"], "initialization")
    model = build(settings["model"], "model")
    prevalence = torch.from_numpy(datamodule.prevalence)
    model.start_at(prevalence)
    loss = build(settings["loss"], "loss", {"pos_weight": datamodule.plan.pos_weight, "prevalence": prevalence})
    module = ChestXrayModule(
        model,
        loss,
        build(settings["optimizer"], "optimizer"),
        build(settings["scheduler"], "scheduler"),
        settings["monitor"],
        finetune=build(settings["finetune"], "finetune"),
        guide=build_guide(settings["guidance"], datamodule),
        compiled=settings["compile"],
        tta=build(settings["tta"], "tta"),
    )
    require_optimizer(module)
    explainer = build_explainer(settings["explainer"], datamodule)
    hashes = {"configuration": hash_settings(settings), "code": hash_code()}
    calibration, threshold = (build(settings[key], key) for key in ("calibration", "threshold"))
    context = {"explainer": explainer, "folder": folder, "datamodule": datamodule, "identity": hashes}
    callbacks: list[Callback] = [
        build(entry, f"callbacks.{key}", context) for key, entry in settings["callbacks"].items() if entry is not None
    ]
    callbacks.sort(key=lambda callback: not isinstance(callback, Ema))  # others look at its weights
    image_ids = datamodule.index.studies["image_id"].tolist()
    keeper = settings["callbacks"].get("checkpoint") or settings
    callbacks += [Finite(image_ids, folder), ProgressFile(folder, keeper["monitor"]), Records()]
    loggers: list[Logger] = [MetricsCsv(folder.metrics)]
    if (extra := settings["logger"]["extra"]) is not None:
        salt = read_salt(Path(settings["paths"]["outputs"]))
        handed = {"save_dir": folder.path, "metrics": folder.metrics, "salt": salt}
        loggers.append(build(extra, "logger.extra", {**handed, **describe_run(settings, choices, cell)}))
    joined = {"callbacks": callbacks, "logger": loggers, "default_root_dir": folder.path}
    trainer = build(settings["trainer"], "trainer", {**joined, "plugins": choose_environment()})
    for logger in loggers:
        logger.log_hyperparams(public_settings(settings, choices, cell))
    return Parts(folder, datamodule, module, explainer, calibration, threshold, trainer, loggers, hashes)


def require_optimizer(module: ChestXrayModule) -> None:
    """Build optimizer and scheduler once, so that a value they refuse ends in a line and not inside training."""
    try:
        module.configure_optimizers()
    except (TypeError, ValueError) as error:
        raise UserError(f"optimizer or scheduler: {error}; see conf/optimizer and conf/scheduler.") from error
