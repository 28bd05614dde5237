"""What exported networks cost beside the run's own."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.experiments.benchmarks.timing import Figure, state_turns, time_in_turns
from cxr_xai.experiments.export.network import trace
from cxr_xai.experiments.export.run import FORMATS
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.calibration.contract import Calibrator, Line
from cxr_xai.metrics.decision import Decision
from cxr_xai.metrics.thresholds.contract import Cut
from cxr_xai.models.classifier import Classifier, build_classifier

SIZE = 224


def measure_export(repeats: int) -> list[Figure]:
    """Measure both kinds of file, one film and eight at a time, for two trunks."""
    figures = []
    for name in ("resnet50", "densenet121"):
        figures += state_turns(measure_files(name, repeats), repeats)
    return figures


def measure_files(name: str, repeats: int) -> list[Figure]:
    """Compare logits, 14 maps and probabilities by an exported file with those by the network itself."""
    model = build_classifier(name).eval()
    decision = Decision(FINDINGS, Calibrator((Line(),) * len(FINDINGS)), (Cut("f1", 0.5),) * len(FINDINGS), 0)
    traced, figures = trace(model, decision, SIZE), []
    with tempfile.TemporaryDirectory() as folder:
        for kind, form in FORMATS.items():
            path = Path(folder) / f"network{form.suffix}"
            form.write(traced, {}, path)
            program = form.open(path)
            for films in (1, 8):
                image = np.random.default_rng(0).random((films, 1, SIZE, SIZE), np.float32)
                eager = partial(explain, ExactCam(), model, decision, image)
                times = time_in_turns({"file": partial(program, image), "run": eager}, repeats)
                what = f"{kind} of {films} films, {name} at {SIZE} px, {path.stat().st_size / 1e6:.0f} MB, vs eager"
                ratio = times["file"] / times["run"]
                figures.append(Figure(what, times["file"], times["run"], ratio, "time ratio", "≤ 1.1"))
    return figures


def explain(explainer: ExactCam, model: Classifier, decision: Decision, image: npt.NDArray[np.float32]) -> None:
    """One forward pass with its maps, and what val makes of its logits, as scripts do it."""
    explanation = explainer.explain(model, torch.from_numpy(image))
    decision.predict(decision.calibrate(explanation.logits.numpy()))
