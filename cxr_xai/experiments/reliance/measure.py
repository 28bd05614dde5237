"""How much the network leans on shortcuts: every test study once more, without each of them, and without all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from cxr_xai.artifacts.run_folder import RELIANCE_COLUMNS
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.phantom.spec import SHORTCUTS
from cxr_xai.data.phantom.twins import PhantomTruth
from cxr_xai.data.tta.contract import Tta
from cxr_xai.experiments.terminal import ProgressBar
from cxr_xai.explainers.contract import borrow
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.decision import Decision
from cxr_xai.types import Batch

Floats = npt.NDArray[np.float64]
Predict = Callable[[Tensor], Floats]
"""``(N, 1, S, S)`` films in [0, 1] → ``(N, K)`` logits."""

ALL = "all"
"""In the place of a shortcut: every planted one is left out."""

LEAST = 0.1
"""Change of probability from which the network is said to lean on a shortcut."""

LOCAL = tuple(name for name in SHORTCUTS if name != "brightness")
"""Shortcuts with a place of their own; brightness is everywhere, so no map can be asked for it."""


def measure_reliance(
    data: ChestXrayDataModule, truth: PhantomTruth, predict: Predict, decision: Decision
) -> pd.DataFrame:
    """Return what is said of every finding with and without each planted shortcut.

    Every film is predicted once as it is; only studies with shortcuts are rendered.

    Args:
        data: a phantom.
        truth: of the same phantom.
        predict: the network.
        decision: what val decided; its curves make probabilities of logits.

    Returns:
        The columns ``RELIANCE_COLUMNS``.
    """
    rows = data.dataset("test").rows
    bar, parts = ProgressBar("films without their shortcuts"), []
    for start in range(0, len(rows), data.batch_size):
        mine = rows[start : start + data.batch_size]
        parts.append(_measure_batch(data, truth, predict, mine))
        bar(start + len(mine), len(rows))
    table = pd.concat(parts, ignore_index=True)
    for column in ("logit", "logit_without"):
        wide = table[column].to_numpy(np.float64).reshape(-1, len(FINDINGS))
        table[column.replace("logit", "prob")] = decision.calibrate(wide).ravel()
    return table[list(RELIANCE_COLUMNS)]


def _measure_batch(
    data: ChestXrayDataModule, truth: PhantomTruth, predict: Predict, rows: npt.NDArray[np.int64]
) -> pd.DataFrame:
    studies = data.index.studies.iloc[rows]
    names = studies["image_id"].tolist()
    own = predict(data.plain(data.dataset_of(rows).batch(rows), 0).image)
    asked: list[tuple[int, str, tuple[str, ...]]] = []
    films: list[npt.NDArray[np.uint8]] = []
    place: dict[tuple[int, tuple[str, ...]], int] = {}
    for n, name in enumerate(names):
        planted = truth.shortcuts(name)
        wanted = {shortcut: (shortcut,) for shortcut in planted} | {ALL: planted}
        asked += [(n, shortcut, left) for shortcut, left in wanted.items()]
        sets = [left for left in dict.fromkeys(wanted.values()) if left]
        place |= {(n, left): len(films) + at for at, left in enumerate(sets)}
        films += truth.twins(name, sets) if sets else []
    other = predict(serve(data, np.stack(films))) if films else own[:0]
    without = [other[place[n, left]] if left else own[n] for n, _, left in asked]
    at = np.array([n for n, _, _ in asked])
    count = len(FINDINGS)
    return pd.DataFrame(
        {
            "image_id": np.repeat(np.array(names, object)[at], count),
            "patient_id": np.repeat(studies["patient_id"].to_numpy(object)[at], count).astype(str),
            "shortcut": np.repeat([shortcut for _, shortcut, _ in asked], count),
            "finding": np.tile(np.array(FINDINGS), len(asked)),
            "target": data.index.targets[rows[at]].ravel(),
            "logit": own[at].ravel(),
            "logit_without": np.stack(without).ravel(),
        }
    )


def serve(data: ChestXrayDataModule, pixels: npt.NDArray[np.uint8]) -> Tensor:
    """Return ``(N, S, S)`` uint8 films as the datamodule would serve them, ``(N, 1, S, S)``."""
    count = len(pixels)
    batch = Batch(torch.arange(count), torch.from_numpy(pixels).unsqueeze(1), torch.zeros(count, 1))
    return data.plain(batch, 0).image


def predict_with(network: nn.Module, tta: Tta, device: torch.device, most: int) -> Predict:
    """Return the network as a function of films: in evaluation mode and full precision, ``most`` films at a time.

    Logits are averaged over the views of ``tta``, as those were that the run's curves were fitted to.
    """

    def predict(image: Tensor) -> Floats:
        with borrow(network) as model:
            logits = [tta(model, films.to(device)).double().cpu().numpy() for films in torch.split(image, most)]
        found: Floats = np.concatenate(logits)
        return found

    return predict


def measure_run(
    data: ChestXrayDataModule, network: nn.Module, tta: Tta, device: torch.device, decision: Decision
) -> pd.DataFrame | None:
    """Return `measure_reliance` of a run's network, predicting as the run does; None without known shortcuts."""
    if data.index.name != "phantom":
        return None
    truth = PhantomTruth(data.root, data.image_size)
    return measure_reliance(data, truth, predict_with(network, tta, device, data.batch_size), decision)


def kind_of(table: pd.DataFrame) -> "pd.Series[str]":
    """Return what each row says: the shortcut speaks ``for`` its finding, ``against`` it, or ``neither``.

    ``for`` where the probability falls by `LEAST` or more when the shortcut is left out; undefined ones are neither.
    """
    change = (table["prob"] - table["prob_without"]).to_numpy(np.float64)
    kind = np.where(change >= LEAST, "for", np.where(change <= -LEAST, "against", "neither"))
    return pd.Series(kind, index=table.index, dtype=str)


def change_by_study(table: pd.DataFrame, shortcut: str, finding: str | None) -> pd.DataFrame:
    """Return how leaving a shortcut out changes each study that has it.

    Args:
        table: the columns ``RELIANCE_COLUMNS``.
        shortcut: which.
        finding: of which finding's probability; None takes the mean over findings, of changes and of their sizes.

    Returns:
        ``image_id, patient_id, change, size``, by image; ``change`` above 0: the shortcut raised the probability.
    """
    mine = table[(table["shortcut"] == shortcut) & ((table["finding"] == finding) | (finding is None))]
    change = mine["prob"] - mine["prob_without"]
    rows = mine.assign(change=change, size=change.abs()).groupby("image_id")
    found: Any = rows.agg(patient_id=("patient_id", "first"), change=("change", "mean"), size=("size", "mean"))
    return pd.DataFrame(found.reset_index())
