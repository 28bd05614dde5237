"""Whatever predicts: a run, or a file that scripts/export.py wrote; behind one face."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.data.splits.file import read_split
from cxr_xai.errors import UserError
from cxr_xai.experiments.export import onnx_file, torch_file
from cxr_xai.experiments.export.network import Answer, Program
from cxr_xai.experiments.export.record import describe_views
from cxr_xai.experiments.reopen import Run, choose_device, open_run
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.files import hash_file, read_json
from cxr_xai.findings import FINDINGS

K = len(FINDINGS)


@dataclass(frozen=True)
class Network:
    """What predicts.

    Attributes:
        place: where its own folder is: predictions go below it unless ``output`` says otherwise.
        name: of the run.
        file: that was opened.
        sha256: of that file; of a run, of weights and curves.
        image_size: side of the films in pixels.
        thresholds: ``(K,)`` on calibrated probabilities, NaN where there is none.
        program: films → what it says.
        views: which views of a film it looks at, in words.
        source: of the films that it was trained on.
        met: file name of a film that the run has met → part.
    """

    place: Path
    name: str
    file: str
    sha256: str
    image_size: int
    thresholds: npt.NDArray[np.float64]
    program: Program
    views: str
    source: str
    met: Mapping[str, str] = field(default_factory=dict)

    def say(self, image: npt.NDArray[np.float32]) -> Answer:
        """``(N, 1, H, W)`` films in [0, 1] → what the network says.

        Raises:
            UserError: a file gives other shapes than its metadata say, or values that are no numbers.
        """
        said = self.program(image)
        right = said.logits.shape == said.probs.shape == said.preds.shape == said.maps.shape[:2] == (len(image), K)
        if not right or said.maps.ndim != 4:
            raise UserError(f"{self.file}: {len(image)} films give logits {said.logits.shape}, maps {said.maps.shape}.")
        if not (np.isfinite(said.logits).all() and np.isfinite(said.maps).all()):
            raise UserError(f"{self.file}: what it says is not finite; its weights are broken, export or train anew.")
        return said


def open_network(checkpoint: str, device: str) -> Network:
    """Open a run folder, its checkpoint, or an exported file.

    Raises:
        UserError: there is no such thing, it is foreign or damaged, or no such device.
    """
    path = Path(checkpoint)
    if path.suffix not in (onnx_file.SUFFIX, torch_file.SUFFIX):
        return wrap_run(open_run(checkpoint, device))
    if not path.is_file():
        raise UserError(f"checkpoint={path}: no such file; scripts/export.py writes one.")
    if path.suffix == onnx_file.SUFFIX:
        # Whether there is a GPU for it onnxruntime knows, not torch; of itself it takes none.
        place = torch.device("cuda") if device == "cuda" else choose_device("cpu" if device == "auto" else device)
        session = onnx_file.open_session(path, place)
        return wrap_file(path, onnx_file.read_onnx_record(path, session), onnx_file.answer_with(session))
    record = torch_file.read_torch_record(path)
    return wrap_file(path, record, torch_file.open_torch(path, choose_device(device)))


def wrap_file(path: Path, record: Mapping[str, Any], program: Program) -> Network:
    """Return the network of an exported file.

    Raises:
        UserError: its metadata lack something, or it is of other findings.
    """
    try:
        thresholds = np.array([record["thresholds"][name] for name in record["findings"]], np.float64)
        name, size = str(record["run"]), int(record["image_size"])
        views, source = str(record["views"]), str(record["source"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"checkpoint={path}: its metadata lack {error}; export the run anew.") from error
    if list(record["findings"]) != list(FINDINGS):
        raise UserError(f"checkpoint={path} is of other findings than {', '.join(FINDINGS)}; export the run anew.")
    return Network(path.parent, name, path.name, hash_file(path), size, thresholds, program, views, source)


def wrap_run(run: Run) -> Network:
    """Return the network of a run, with its curves and thresholds and the names of the films that it has met."""
    decision, explainer = run.decision, ExactCam()

    def answer(image: npt.NDArray[np.float32]) -> Answer:
        explanation = explainer.explain(run.model, torch.from_numpy(image).to(run.device))
        logits = explanation.logits.cpu().numpy()
        calibrated = decision.calibrate(logits)
        maps = explanation.attribution.cpu().numpy()
        return Answer(logits, maps, calibrated.astype(np.float32), decision.predict(calibrated))

    split = read_split(run.folder.split)[1]
    chosen = split[split["part"].isin(["train", "val", "selection"])]
    return Network(
        run.folder.path,
        run.folder.path.resolve().name,
        run.checkpoint.name,
        f"{run.weights}+{hash_file(run.folder.calibration)}",
        int(run.settings["datamodule"]["image_size"]),
        decision.thresholds,
        answer,
        describe_views(run),
        str(read_json(run.folder.certificate)["data"]["source"]),
        dict(zip(chosen["image_id"], chosen["part"], strict=True)),
    )
