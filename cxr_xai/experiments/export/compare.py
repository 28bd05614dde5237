"""Is an exported network the run's own? Film by film, with and without company, to a tolerance that is stated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.errors import UserError
from cxr_xai.experiments.export.network import Answer, Program
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.metrics.decision import Decision
from cxr_xai.models.classifier import Classifier

BATCHES = (1, 3, 8)
"""One film, an odd number, and all of them: nothing may depend on the company."""

RELATIVE = 1e-4
"""Largest difference of logits and of maps, of the largest magnitude there is (logits: of 1 at least). Sums of
thousands of products in another order differ by some 1e-6 of it; a wrong operation by far more."""

CURVE = 1e-5
"""Largest difference of probabilities from what the run's curves make of the same logits."""


@dataclass(frozen=True)
class Gap:
    """How far one output is from what it should be.

    Attributes:
        output: its name.
        films: in the batch.
        difference: largest absolute one; infinite where a value is not finite or has another shape.
        allowed: largest that passes.
    """

    output: str
    films: int
    difference: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether it passes."""
        return self.difference <= self.allowed


def ask_eager(model: Classifier, decision: Decision, image: npt.NDArray[np.float32]) -> Answer:
    """Return what the run's own network says, on the CPU, with maps by the explainer that the run uses."""
    with torch.no_grad():
        explanation = ExactCam().explain(model, torch.from_numpy(image))
        logits = model(torch.from_numpy(image)).numpy()
    calibrated = decision.calibrate(logits)
    maps = explanation.attribution.numpy()
    return Answer(logits, maps, calibrated.astype(np.float32), decision.predict(calibrated))


def compare(program: Program, expected: Answer, decision: Decision, image: npt.NDArray[np.float32]) -> list[Gap]:
    """Return all gaps between an exported program and the run's own answers, over the batches of ``BATCHES``.

    Args:
        program: the exported one.
        expected: of ``image``.
        decision: what val decided.
        image: ``(N, 1, H, W)``, as many films as the largest batch.
    """
    gaps = []
    for count in BATCHES:
        for start in range(0, len(image) - count + 1, count):
            rows = slice(start, start + count)
            gaps += compare_batch(program(image[rows]), expected, rows, decision)
    return worst(gaps)


def compare_batch(found: Answer, expected: Answer, rows: slice, decision: Decision) -> list[Gap]:
    """Return the gaps of one batch; probabilities and predictions are held against the batch's own logits."""
    count, (logits, maps) = rows.stop - rows.start, (expected.logits[rows], expected.maps[rows])
    gaps = [
        Gap("logits", count, gap(found.logits, logits), RELATIVE * max(1.0, float(np.abs(logits).max()))),
        Gap("maps", count, gap(found.maps, maps), RELATIVE * float(np.abs(maps).max())),
    ]
    if not gaps[0].holds:
        return gaps
    calibrated = decision.calibrate(found.logits)
    differ = gap(found.preds.astype(float), decision.predict(calibrated).astype(float))
    return [*gaps, Gap("probs", count, gap(found.probs, calibrated), CURVE), Gap("preds", count, differ, 0.0)]


def gap(found: npt.NDArray[np.floating], expected: npt.NDArray[np.floating]) -> float:
    """Return the largest absolute difference; infinite where shapes differ or a value is not finite.

    >>> gap(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    inf
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found.astype(np.float64) - expected).max())


def worst(gaps: Sequence[Gap]) -> list[Gap]:
    """Return for each output and size of batch the gap that is largest, of what is allowed."""
    kept: dict[tuple[str, int], Gap] = {}
    for one in gaps:
        before = kept.get((one.output, one.films))
        if before is None or one.difference - one.allowed > before.difference - before.allowed:
            kept[one.output, one.films] = one
    return list(kept.values())


def require_equal(gaps: Sequence[Gap], kind: str) -> None:
    """Refuse a file that says something else than the run's network.

    Raises:
        UserError: names the first such output.
    """
    for one in gaps:
        if not one.holds:
            raise UserError(
                f"format={kind}: {one.output} of {one.films} films differ from the run's own by {one.difference:.3g}, "
                f"more than {one.allowed:.3g}; no file is left. Another version of torch or onnxruntime may do better."
            )
