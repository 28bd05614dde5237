"""What val decided: a curve and a threshold for each finding, kept beside the weights."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError
from cxr_xai.files import read_json, write_json
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.calibration.contract import Calibration, Calibrator, Curve, Line, Steps
from cxr_xai.metrics.columns import Floats
from cxr_xai.metrics.thresholds.contract import Cut, Threshold

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Decision:
    """From logits to calibrated probabilities to predictions; plain types that a file gives back exactly.

    Attributes:
        findings: names of the ``K`` columns.
        calibrator: a curve for each.
        cuts: a threshold for each, on calibrated probabilities.
        epoch: whose weights gave the logits of val; a checkpoint of another epoch needs another decision.
    """

    findings: tuple[str, ...]
    calibrator: Calibrator
    cuts: tuple[Cut, ...]
    epoch: int

    @property
    def thresholds(self) -> Floats:
        """``(K,)`` thresholds, NaN where val knew no target."""
        return np.array([cut.at for cut in self.cuts], dtype=np.float64)

    @property
    def rules(self) -> list[str]:
        """The rule of each threshold."""
        return [cut.rule for cut in self.cuts]

    def calibrate(self, logits: npt.ArrayLike) -> Floats:
        """Return ``(N, K)`` calibrated probabilities of ``(N, K)`` logits."""
        return self.calibrator.apply(logits)

    def predict(self, calibrated: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return ``(N, K)`` where a calibrated probability reaches its threshold; nowhere without a threshold."""
        reached: npt.NDArray[np.bool_] = np.asarray(calibrated, dtype=np.float64) >= self.thresholds
        return reached


def fit_decision(
    calibration: Calibration,
    threshold: Threshold,
    logits: npt.ArrayLike,
    target: npt.ArrayLike,
    epoch: int,
    findings: Sequence[str] = FINDINGS,
) -> Decision:
    """Fit curves to val, and choose thresholds on the probabilities that they give there.

    Args:
        calibration: a member of the group.
        threshold: a member of the group.
        logits: ``(N, K)`` of val, never of test.
        target: ``(N, K)`` of val, NaN unknown.
        epoch: of the weights.
        findings: names of the ``K`` columns.
    """
    calibrator = calibration.fit(logits, target)
    return Decision(tuple(findings), calibrator, threshold.choose(target, calibrator.apply(logits)), epoch)


def write_calibration(path: Path, decision: Decision) -> None:
    """Write a decision as JSON that a person can read."""
    rows = zip(decision.findings, decision.calibrator.curves, decision.cuts, strict=True)
    found = {name: {"calibration": asdict(curve), "threshold": asdict(cut)} for name, curve, cut in rows}
    write_json(path, {"schema_version": SCHEMA_VERSION, "epoch": decision.epoch, "findings": found})


def read_calibration(path: Path, findings: Sequence[str] = FINDINGS) -> Decision:
    """Read what `write_calibration` wrote, equal to what was written.

    Args:
        path: ``checkpoints/calibration.json`` of a run folder.
        findings: that the logits have, in their order.

    Raises:
        UserError: there is no such file, it is of another schema or of other findings, or it was changed by hand to
            something that is no curve and no threshold.
    """
    if not path.is_file():
        raise UserError(f"found no {path}; a run that was completed leaves one, so run its training command again.")
    try:
        text = read_json(path)
        if text["schema_version"] != SCHEMA_VERSION:
            raise UserError(f"it has schema {text['schema_version']}, this version reads {SCHEMA_VERSION}")
        if list(text["findings"]) != list(findings):
            raise UserError(f"it is of the findings {', '.join(text['findings'])}, asked for are {', '.join(findings)}")
        rows = text["findings"].values()
        curves = tuple(_read_curve(row["calibration"]) for row in rows)
        cuts = tuple(Cut(**_fields(Cut, row["threshold"])) for row in rows)
        return Decision(tuple(findings), Calibrator(curves), cuts, int(text["epoch"]))
    except UserError as error:
        raise UserError(f"{path} cannot be used: {error}; take the one that belongs to the checkpoint.") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path} is not what a run writes ({type(error).__name__}: {error}); take it from the run again."
        ) from error


def _read_curve(entry: Mapping[str, Any]) -> Curve:
    if "slope" in entry:
        return Line(**_fields(Line, entry))
    values = _fields(Steps, entry)
    return Steps(values["rule"], *(tuple(float(number) for number in values[key]) for key in ("logits", "probs")))


def _fields(kind: type[Line] | type[Steps] | type[Cut], entry: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in fields(kind)]
    if sorted(entry) != sorted(names) or not isinstance(entry["rule"], str):
        raise ValueError(f"found {', '.join(entry)} where {', '.join(names)} belong")
    return dict(entry)
