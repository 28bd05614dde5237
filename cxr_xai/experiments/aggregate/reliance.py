"""Reliance on shortcuts over all arms of a phantom: AUROC without shortcuts, and how far they move probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.phantom.spec import SHORTCUTS, TIED
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.average import average, counted, summarize_metric
from cxr_xai.experiments.aggregate.cells import Cell, whole_or_refused
from cxr_xai.experiments.aggregate.contrasts import Contrasts, Question, add, compare, name_of
from cxr_xai.experiments.aggregate.pool import Pool
from cxr_xai.experiments.aggregate.refuse import Design, cells_of
from cxr_xai.experiments.box_summary import macro_mean, one_mean
from cxr_xai.experiments.reliance.measure import change_by_study
from cxr_xai.experiments.reliance.summarize import widen_reliance
from cxr_xai.findings import FINDINGS
from cxr_xai.stats.bootstrap import bootstrap_means, means_behind
from cxr_xai.stats.compare import MACRO, compare_arms
from cxr_xai.stats.statistic import mean_measure
from cxr_xai.stats.weightings import mean_defined

Floats = npt.NDArray[np.float64]
TIED_ONES = np.array([name in TIED for name in SHORTCUTS])
"""``(H,)`` shortcuts that the mean is over: those with a finding; brightness stands beside it."""


@dataclass(frozen=True)
class Reliance:
    """What all arms say without shortcuts, study by study the same.

    Attributes:
        bare: the tested studies; the ``prob`` of an arm is its logit for the film without any shortcut.
        patients: ``(R,)`` of the (study, shortcut) pairs.
        shortcut: ``(R,)`` numbers of ``SHORTCUTS``.
        sizes: arm → ``(R, 1)`` |change| of the probability per seed: of the finding that the shortcut is tied to.
    """

    bare: Pool
    patients: npt.NDArray[np.str_]
    shortcut: npt.NDArray[np.int64]
    sizes: Mapping[str, list[Floats]]


def read_reliance(design: Design, pool: Pool) -> Reliance | None:
    """Read ``reliance.parquet`` of every run; None where the runs have none.

    Raises:
        UserError: some runs have it and some not, a file is damaged, or it is about other studies than were predicted.
    """
    cells = cells_of(design)
    there = [cell.folder.reliance.is_file() for cell in cells]
    if not any(there):
        return None
    if not all(there):
        raise UserError(
            f"{cells[there.index(False)].name} has no reliance.parquet, and {cells[there.index(True)].name} has; run "
            "it again."
        )
    read = {cell.name: _read(cell, pool) for cell in cells}
    logits = {arm: [np.concatenate([read[c.name][0] for c in folds]) for folds in runs.values()]
              for arm, runs in design.items()}  # fmt: skip
    pairs = {arm: [pd.concat([read[c.name][1] for c in folds]) for folds in runs.values()]
             for arm, runs in design.items()}  # fmt: skip
    first = next(iter(pairs.values()))[0]
    for arm, tables in pairs.items():
        for table in tables:
            if not table[["image_id", "shortcut"]].equals(first[["image_id", "shortcut"]]):
                raise UserError(f"arm {arm} was measured without other shortcuts than the first; run it again.")
    return Reliance(
        replace(pool, scores={arm: {"prob": models} for arm, models in logits.items()}),
        first["patient_id"].to_numpy(str),
        first["shortcut"].to_numpy(np.int64),
        {arm: [table["size"].to_numpy(np.float64)[:, None] for table in tables] for arm, tables in pairs.items()},
    )


def _read(cell: Cell, pool: Pool) -> tuple[Floats, pd.DataFrame]:
    """Return ``(N, K)`` logits without shortcuts, and ``image_id, patient_id, size, shortcut`` of planted pairs."""
    with whole_or_refused(cell.folder.reliance):
        table = pd.read_parquet(cell.folder.reliance)
        images, _, _, bare = widen_reliance(table)
        changes = [change_by_study(table, name, TIED.get(name)).assign(shortcut=n) for n, name in enumerate(SHORTCUTS)]
    if not np.array_equal(images["image_id"].to_numpy(str), pool.images[pool.fold == (cell.fold or 0)]):
        raise UserError(f"{cell.folder.reliance} is about other studies than the run predicted; run it again.")
    return bare, pd.concat(changes, ignore_index=True)


def summarize_all_reliance(
    reliance: Reliance | None, question: Question, train_studies: float, margin: float, replicates: int
) -> tuple[dict[str, Any], Contrasts]:
    """Return arm → numbers and contrast → ``auroc_without`` and ``reliance`` → differences; empty without any.

    Args:
        reliance: of all arms.
        question: what is compared; its primary contrast is about other numbers than these, so all are corrected.
        train_studies: that a fold was trained on, on average.
        margin: handed on; nothing here is held against it.
        replicates: of the bootstrap.
    """
    if reliance is None:
        return {}, {}
    plain = replace(question, source="", metric="")
    bare = compare(reliance.bare, plain, ["auroc"], train_studies, margin, replicates)
    moved = compare_sizes(reliance, plain, margin, replicates)
    contrasts = {name: {"auroc_without": bare[name]["auroc"], **moved[name]} for name in bare}
    return {arm: summarize_arm(reliance, arm, replicates) for arm in reliance.sizes}, contrasts


def summarize_arm(reliance: Reliance, arm: str, replicates: int) -> dict[str, Any]:
    """Return ``auroc_without`` (``findings``, ``macro``) and ``reliance`` (by shortcut, and ``macro``) of an arm."""
    averaged = average(reliance.bare, arm, "auroc", replicates)
    rows, macro = summarize_metric(averaged, counted(reliance.bare, "auroc"))
    values = np.mean(reliance.sizes[arm], axis=0)
    drawn = bootstrap_means(values, reliance.shortcut, reliance.patients, replicates, n_groups=len(SHORTCUTS))
    sizes = {name: {"studies": int(drawn.rows[n]), **one_mean(drawn, n, 0)} for n, name in enumerate(SHORTCUTS)}
    return {
        "auroc_without": {"findings": dict(zip(FINDINGS, rows, strict=True)), "macro": macro},
        "reliance": {**sizes, MACRO: macro_mean(drawn, 0, TIED_ONES)},
    }


def compare_sizes(reliance: Reliance, question: Question, margin: float, replicates: int) -> Contrasts:
    """Return contrast → ``reliance`` → ``macro`` or shortcut → difference, as `contrasts.compare` does.

    Changes are of one film under one network, so those of all folds are averaged together.
    """
    result: Contrasts = {name_of(pair): {} for pair in question.contrasts}
    groups, codes = reliance.shortcut[:, None], np.unique(reliance.patients, return_inverse=True)[1]
    tables = {}
    for pair in question.contrasts:
        first, second = (reliance.sizes[arm] for arm in pair)
        tables[name_of(pair)] = compare_arms(
            groups,
            first,
            second,
            reliance.patients,
            mean_measure(len(SHORTCUTS), with_mean),
            margin,
            contrasts=len(question.contrasts),
            replicates=replicates,
            alpha=question.alpha,
            names=(*SHORTCUTS, MACRO),
            behind=_behind(first, reliance.shortcut, codes),
        )
    add(result, tables, question, "reliance")
    return result


def _behind(sizes: Sequence[Floats], groups: npt.NDArray[np.int64], codes: npt.NDArray[np.int64]) -> list[float]:
    return [*means_behind(sizes[0], groups, codes, len(SHORTCUTS))[1][:, 0].tolist(), np.inf]


def with_mean(means: Floats) -> Floats:
    """Return ``(B, H + 1)``: the mean size of every shortcut's changes, then that over the defined ones with a finding.

    Args:
        means: ``(B, H, 1)``.
    """
    each = means[..., 0]
    return np.concatenate([each, mean_defined(each[:, TIED_ONES])[:, None]], axis=1)
