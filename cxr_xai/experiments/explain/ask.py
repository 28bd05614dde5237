"""Which findings of a film are explained, and by whom."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.findings import FINDINGS, INDEX, canonical

Asked = str | Sequence[str]


def read_findings(asked: Asked) -> Asked:
    """Check ``findings=``: ``predicted``, ``all``, or names.

    Raises:
        UserError: an unknown name, or none.

    >>> read_findings(["Infiltrate", "Mass"])
    ['Infiltration', 'Mass']
    """
    if isinstance(asked, str) and asked in ("predicted", "all"):
        return asked
    if not isinstance(asked, str | list | tuple):
        raise UserError(f"findings={asked}: use predicted, all, or names, findings=[Mass,Edema].")
    names = [canonical(str(name)) for name in ([asked] if isinstance(asked, str) else asked)]
    if unknown := [name for name in names if name not in INDEX]:
        raise UserError(f"findings: {unknown[0]} is none of predicted, all, {', '.join(FINDINGS)}.")
    if not names:
        raise UserError("findings is empty; name some, or use predicted or all.")
    return list(dict.fromkeys(names))


def choose_findings(
    asked: Asked, calibrated: npt.NDArray[np.float64], pred: npt.NDArray[np.bool_], prob: npt.NDArray[np.float64]
) -> list[int]:
    """Return columns for one film; of those predicted the most probable first, and at least one.

    Args:
        asked: as `read_findings` gives it.
        calibrated: ``(K,)`` calibrated probabilities.
        pred: ``(K,)``.
        prob: ``(K,)`` plain probabilities, which decide where no curve says anything.
    """
    if asked == "all":
        return list(range(len(FINDINGS)))
    if not isinstance(asked, str):
        return [INDEX[name] for name in asked]
    rank = np.lexsort((-prob, -np.nan_to_num(calibrated, nan=-1.0)))
    predicted = [int(k) for k in rank if pred[k]]
    return predicted or [int(rank[0])]


def read_explainers(asked: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return name → settings of the explainers asked for, ``exact_cam`` or ``grad_cam layer=-2``.

    Raises:
        UserError: there is no such member or setting, none was named, or one was named twice.
    """
    entries = [str(entry) for entry in asked] if isinstance(asked, list | tuple) else [str(asked or "")]
    if not entries or not all(entry.split() for entry in entries):
        raise UserError("explainers is empty or names nothing; name members, explainers=[exact_cam,grad_cam].")
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        member, *options = entry.split()
        overrides = [f"explainer={member}", *(f"explainer.{option}" for option in options)]
        settings: dict[str, Any] = compose("train", overrides)[0]["explainer"]
        label = "-".join([member, *options])
        if label in found:
            raise UserError(f"explainers names {entry} twice.")
        found[label] = settings
    return found
