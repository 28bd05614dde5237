"""One explainer over all cases: only the (study, finding) pairs that are judged, done once, kept whole."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.artifacts.leaderboard_folder import SCORE_COLUMNS, LeaderboardFolder, write_parquet
from cxr_xai.experiments.explaining import build_explainer, describe_background
from cxr_xai.experiments.leaderboard.bench import Bench
from cxr_xai.experiments.leaderboard.subject import Subject
from cxr_xai.experiments.terminal import ProgressBar
from cxr_xai.explainers.contract import Explainer
from cxr_xai.files import read_json, whole, write_json
from cxr_xai.findings import INDEX

Settings = Mapping[str, Any]
Numbers = npt.NDArray[np.int64]

PRIOR = "class_prior"
"""The row for where other patients have the finding; always there, and no explainer."""


@dataclass(frozen=True)
class Arm:
    """What one explainer achieved.

    Attributes:
        label: its name.
        scores: one row per case, in their order.
        about: ``settings``, ``background``, ``seconds``, ``maps``, ``grid``, ``residual``, ``control``.
        reused: it was there already.
    """

    label: str
    scores: pd.DataFrame
    about: dict[str, Any]
    reused: bool = False

    @property
    def control(self) -> bool:
        """Whether it knows nothing of what this network saw; its class says so."""
        return bool(self.about["control"])


def run_arm(subject: Subject, bench: Bench, board: LeaderboardFolder, label: str, settings: Settings) -> Arm:
    """Explain and score every case with one explainer, or read what is there already.

    Raises:
        UserError: the explainer refuses.
    """
    described = {"settings": dict(settings), "background": describe_background(settings, subject.data)}
    key = make_key(subject, bench.cases, described)
    if (found := read_arm(board, label, key)) is not None:
        return found
    explainer = build_explainer(settings, subject.data, f"explainers.{label}")
    bar, parts = ProgressBar(label), []
    shown: dict[int, npt.NDArray[np.float32]] = {}
    seconds, grid, residual, done = 0.0, (0, 0), None, 0
    flags = bench.cases["shown"].to_numpy(bool)
    for numbers, maps, spent, apart in explain_cases(subject, explainer, bench.cases):
        parts.append(bench.score(numbers, maps))
        shown |= {int(n): one.numpy() for n, one in zip(numbers, maps, strict=True) if flags[n]}
        seconds, done, grid = seconds + spent, done + len(numbers), (maps.shape[1], maps.shape[2])
        residual = apart if residual is None else max(residual, apart or 0.0)
        bar(done, len(bench.cases))
    about = {**described, "seconds": seconds, "maps": done, "grid": list(grid), "residual": residual}
    about["control"] = bool(getattr(explainer, "control", False))
    table = pd.concat(parts, ignore_index=True).sort_values("case", ignore_index=True)
    write_arm(board, label, key, table, shown, about)
    return Arm(label, table, about)


def prior_arm(bench: Bench, grid: tuple[int, int]) -> Arm:
    """Score the class prior, pooled to a grid: the network's own, whichever explainer is the reference."""
    start = time.perf_counter()
    scores = bench.priors(grid)
    about: dict[str, Any] = {"settings": {}, "background": None, "maps": len(scores), "grid": list(grid)}
    return Arm(PRIOR, scores, {**about, "residual": None, "control": True, "seconds": time.perf_counter() - start})


def explain_cases(
    subject: Subject, explainer: Explainer, cases: pd.DataFrame
) -> Iterator[tuple[Numbers, Tensor, float, float | None]]:
    """Yield case numbers, their raw maps ``(m, h, w)``, the seconds they took, and the largest residual.

    Studies that need the same findings share batches, so that no map is made that nobody judges.
    """
    needed: dict[tuple[int, ...], list[int]] = {}
    for row, group in cases.groupby(cases["row"].to_numpy(np.int64)):
        columns = tuple(sorted({INDEX[name] for name in group["finding"]}))
        needed.setdefault(columns, []).append(int(str(row)))
    where = cases.groupby("row").indices
    for columns, rows in sorted(needed.items()):
        for start in range(0, len(rows), subject.data.batch_size):
            mine = rows[start : start + subject.data.batch_size]
            image = subject.films(np.array(mine, np.int64)).to(subject.device)
            begin = time.perf_counter()
            explanation = explainer.explain(subject.model, image, findings=list(columns))
            attribution = explanation.attribution.cpu()  # waits for the device
            seconds = time.perf_counter() - begin
            numbers = np.concatenate([where[row] for row in mine]).astype(np.int64)
            film = np.repeat(np.arange(len(mine)), [len(where[row]) for row in mine])
            column = [columns.index(INDEX[name]) for name in cases["finding"].iloc[numbers]]
            residual = explanation.residual
            yield numbers, attribution[film, column], seconds, None if residual is None else float(residual.abs().max())


def make_key(subject: Subject, cases: pd.DataFrame, described: Settings) -> str:
    """Return what scores depend on as one hash: weights, code, explainer, cases and the films they show."""
    chosen = cases[["image_id", "finding", "kind", "shortcut"]].to_csv(index=False)
    data = subject.summary["protocol"]["data_sha256"]
    text = json.dumps([subject.weights, subject.code, data, described, chosen], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_arm(
    board: LeaderboardFolder, label: str, key: str, table: pd.DataFrame, shown: dict[int, Any], about: Settings
) -> None:
    """Write scores and shown maps; the record comes last and makes them valid."""
    board.record(label).unlink(missing_ok=True)
    write_parquet(board.scores(label), table, SCORE_COLUMNS)
    maps = np.stack([shown[n] for n in sorted(shown)]) if shown else np.zeros((0, 1, 1), np.float32)
    with whole(board.maps(label)) as partial, partial.open("wb") as file:
        np.savez_compressed(file, case=np.array(sorted(shown), np.int64), attribution=maps.astype(np.float32))
    write_json(board.record(label), {"key": key, **about})


def read_arm(board: LeaderboardFolder, label: str, key: str) -> Arm | None:
    """Return what is stored under this key, or None."""
    try:
        about = read_json(board.record(label))
        if about.pop("key") != key:
            return None
        with np.load(board.maps(label)) as stored:
            _ = stored["attribution"].shape
        return Arm(label, pd.read_parquet(board.scores(label)), about, reused=True)
    except (OSError, ValueError, KeyError):
        return None


def grid_of(subject: Subject) -> tuple[int, int]:
    """Return the grid of the network's last feature map."""
    side = subject.data.image_size
    with torch.no_grad():
        features = subject.model.features(torch.zeros(1, 1, side, side, device=subject.device))
    return int(features.shape[2]), int(features.shape[3])
