"""A trained network back from its run folder, for whatever looks at it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
import yaml

from cxr_xai.artifacts.checkpoint import AVERAGE
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.tta.contract import Predict, Tta
from cxr_xai.data.tta.none import NoTta
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.experiments.verification.evidence import reach_data, require_known_targets
from cxr_xai.files import hash_file
from cxr_xai.metrics.decision import Decision, read_calibration
from cxr_xai.models.classifier import Classifier

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A complete run, opened again.

    Attributes:
        folder: where it lies.
        summary: ``summary.json``.
        settings: ``config.yaml``; it builds only what ``conf/`` names.
        checkpoint: the file that ``model`` has its weights from.
        model: in evaluation mode, on ``device``.
        weights: SHA-256 of ``checkpoint``.
        device: where it runs.
    """

    folder: RunFolder
    summary: Settings
    settings: Settings
    checkpoint: Path
    model: Classifier
    weights: str
    device: torch.device

    @cached_property
    def is_best(self) -> bool:
        """Whether these are the weights that val chose, and that curves and thresholds belong to."""
        best = self.folder.best
        return self.checkpoint == best or (best.is_file() and read_step(self.checkpoint) == read_step(best))

    @cached_property
    def decision(self) -> Decision:
        """What val decided.

        Raises:
            UserError: there is no such file, or it belongs to other weights than these.
        """
        if not self.is_best:
            raise UserError(
                f"{self.checkpoint} holds other weights than {self.folder.best.name}, which {self.folder.calibration} "
                "was made for; name the run folder."
            )
        return read_calibration(self.folder.calibration)

    @property
    def predict(self) -> Predict:
        """The network as the run's own predictions were made: averaged over the views of ``tta``."""
        return partial(read_tta(self.settings), self.model)

    def reach(self, root: str | None, cache: str) -> ChestXrayDataModule:
        """Open the data that the run was trained on.

        Args:
            root: their folder, None where ``config.yaml`` has it.
            cache: where films are decoded to, if the run's own place is not on this machine.

        Raises:
            UserError: they are out of reach.
        """
        data, reason = reach_data(self.settings, root, cache)
        if data is None:
            raise UserError(f"the films of {self.folder.path} are out of reach: {reason}.")
        return data


def open_run(checkpoint: str | Path, device: str = "auto") -> Run:
    """Open a complete run: its folder, or one of its checkpoints; the folder stands for the best one.

    Args:
        checkpoint: of the run.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: there is no complete run, it builds what ``conf/`` does not, a file does not fit, or no such device.
    """
    folder = find_run(checkpoint)
    summary, settings = folder.read_summary(), read_settings(folder)
    require_known_targets(settings)
    place = choose_device(device)
    path = folder.best if Path(checkpoint).is_dir() else Path(checkpoint)
    model = load_model(folder, settings, path).to(place)
    return Run(folder, summary, settings, path, model, hash_weights(folder, path), place)


def find_run(checkpoint: str | Path) -> RunFolder:
    """Return the run folder that is meant: the folder itself, its ``checkpoints``, or a checkpoint in them.

    Raises:
        UserError: there is no such place, or no run folder around it.
    """
    path = Path(checkpoint)
    if not path.exists():
        raise UserError(f"checkpoint={path}: no such file or folder; give a run folder, <outputs>/<name>/<cell>.")
    for place in (path, path.parent, path.parent.parent):
        if (folder := RunFolder(place)).config.is_file() and folder.checkpoints.is_dir():
            return folder
    raise UserError(
        f"checkpoint={path} lies in no run folder (config.yaml beside checkpoints/): it says neither what network it "
        "belongs to nor which thresholds; give the folder that its training left."
    )


def read_settings(folder: RunFolder) -> dict[str, Any]:
    """Read ``config.yaml`` of a run.

    Raises:
        UserError: it cannot be read.
    """
    try:
        settings: dict[str, Any] = yaml.safe_load(folder.config.read_text())
        return settings
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{folder.config} cannot be read: {' '.join(str(error).split())}.") from error


def load_model(folder: RunFolder, settings: Settings, checkpoint: Path | None = None) -> Classifier:
    """Build the network of a run and give it the weights of a checkpoint; in evaluation mode, on the CPU.

    Of a run with ``callbacks=ema`` they are the averaged ones: ``best.ckpt`` holds no others, ``last.ckpt`` both.

    Args:
        folder: of the run.
        settings: its configuration.
        checkpoint: one of its files, ``folder.best`` if None.

    Raises:
        UserError: the run did not keep it, or it does not fit the configuration.
    """
    checkpoint = folder.best if checkpoint is None else checkpoint
    if not checkpoint.is_file():
        raise UserError(f"{folder.path} holds no {checkpoint.stem} checkpoint; run its training command again.")
    described = dict(settings["model"])
    if "weights" in described:
        described["weights"] = "none"  # the checkpoint has them
    model: Classifier = build(described, "model")
    try:
        held = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state = held.get(AVERAGE) or held["state_dict"]
        model.load_state_dict({k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")})
    except Exception as error:  # there is no end to what a damaged file can raise
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{checkpoint} does not fit {folder.config}: {reason}") from error
    return model.eval()


def read_tta(settings: Settings) -> Tta:
    """Return the views of a film that a run averages in prediction; runs that do not say take the plain film."""
    tta: Tta = build(settings["tta"], "tta") if "tta" in settings else NoTta()
    return tta


def read_step(checkpoint: Path) -> int:
    """Return after how many optimizer steps a checkpoint was written: two of one run and one step have one network.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"])
    except Exception as error:  # as above
        raise UserError(f"{checkpoint} cannot be read: {' '.join(str(error).split())[:200]}") from error


def hash_weights(folder: RunFolder, checkpoint: Path | None = None) -> str:
    """Return the SHA-256 of a checkpoint's file, of ``folder.best`` if None."""
    return hash_file(folder.best if checkpoint is None else checkpoint)


def choose_device(name: str) -> torch.device:
    """Return ``auto``, ``cpu`` or ``cuda`` as a device.

    Raises:
        UserError: there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device={name}: use auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda: no GPU is in reach; use device=cpu or auto.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
