"""Importance of regions in two arms: averaged over trainings, compared on the films that both arms were tested on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.errors import UserError
from cxr_xai.experiments.estimates import count_patients
from cxr_xai.experiments.global_explanations.importance import MEAN, SIDES
from cxr_xai.findings import FINDINGS
from cxr_xai.stats.bootstrap import draw_patient_counts, mean_replicates
from cxr_xai.stats.corrections import holm
from cxr_xai.stats.crossed import Crossed, crossed_interval
from cxr_xai.stats.weightings import mean_defined

Floats = npt.NDArray[np.float64]
SAME_REGIONS = 0.02
"""Share of a film by which a region may differ between arms: films of other sizes round their borders otherwise."""


class Played(NamedTuple):
    """What one run gave.

    Attributes:
        run: its folder's name.
        seed: of it.
        fold: None where its split has none.
        image_id: ``(N,)``.
        patient_id: ``(N,)``.
        target: ``(N, K)``.
        phi: ``(N, R, K)``.
        areas: ``(N, R)``.
    """

    run: str
    seed: int
    fold: int | None
    image_id: npt.NDArray[np.str_]
    patient_id: npt.NDArray[np.str_]
    target: Floats
    phi: Floats
    areas: Floats


@dataclass(frozen=True)
class Arm:
    """The trainings of one arm on the films that are compared.

    Attributes:
        name: of the arm.
        keys: ``U`` names of its trainings: ``seed 0``, or ``fold 3`` where there is one seed.
        phi: ``(U, N, R, K)``; NaN where a film was not tested by that training.
    """

    name: str
    keys: tuple[str, ...]
    phi: Floats


@dataclass(frozen=True)
class Films:
    """What the films are.

    Attributes:
        image_id: ``(N,)``.
        patient_id: ``(N,)``.
        target: ``(N, K)``.
        areas: ``(R,)`` mean shares.
        disjoint: each training has films of its own (folds).
    """

    image_id: npt.NDArray[np.str_]
    patient_id: npt.NDArray[np.str_]
    target: Floats
    areas: Floats
    disjoint: bool


def join_arms(names: Sequence[str], sides: Sequence[Sequence[Played]]) -> tuple[list[Arm], Films]:
    """Put the runs of two arms on the films that both were tested on.

    A training is a seed with all its folds; with one seed it is a fold.

    Raises:
        UserError: seeds of an arm test different films, or the arms share none; or a film's regions differ.
    """
    trainings = [_trainings(name, runs) for name, runs in zip(names, sides, strict=True)]
    tested = [{image for runs in own.values() for run in runs for image in run.image_id.tolist()} for own in trainings]
    shared = sorted(tested[0] & tested[1])
    if not shared:
        raise UserError(f"{names[0]} and {names[1]} were tested on no film in common; nothing can be compared.")
    known: dict[str, tuple[str, Floats, Floats]] = {}
    for run in (run for runs in sides for run in runs):
        for image, *facts in zip(run.image_id.tolist(), run.patient_id.tolist(), run.target, run.areas, strict=True):
            before = known.setdefault(image, (facts[0], facts[1], facts[2]))
            if np.abs(before[2] - facts[2]).max() > SAME_REGIONS:
                raise UserError(f"the regions of {image} in {run.run} are others than in runs before it; see masks=….")
    arms = [Arm(name, tuple(own), _stack(own.values(), shared)) for name, own in zip(names, trainings, strict=True)]
    facts = [known[image] for image in shared]
    disjoint = any(np.isnan(arm.phi[:, :, 0, 0]).any() for arm in arms)
    return arms, Films(
        np.array(shared),
        np.array([fact[0] for fact in facts]),
        np.stack([fact[1] for fact in facts]),
        np.mean([fact[2] for fact in facts], axis=0),
        disjoint,
    )


def _trainings(name: str, runs: Sequence[Played]) -> dict[str, list[Played]]:
    cells = [(run.seed, run.fold) for run in runs]
    if doubled := [run for run in runs if cells.count((run.seed, run.fold)) > 1]:
        raise UserError(f"{name} has two runs of one seed and fold: {doubled[0].run} and {doubled[1].run}; name one.")
    seeds = sorted({run.seed for run in runs})
    if len(seeds) == 1:
        return {f"seed {run.seed}" if run.fold is None else f"fold {run.fold}": [run] for run in runs}
    by_seed = {seed: [run for run in runs if run.seed == seed] for seed in seeds}
    films = {seed: {image for run in own for image in run.image_id.tolist()} for seed, own in by_seed.items()}
    if odd := [seed for seed in seeds if films[seed] != films[seeds[0]]]:
        raise UserError(
            f"{name}: the seeds {seeds[0]} and {odd[0]} were tested on different films; every seed of an arm needs the "
            "same folds."
        )
    return {f"seed {seed}": own for seed, own in by_seed.items()}


def _stack(trainings: Any, shared: Sequence[str]) -> Floats:
    place = {image: n for n, image in enumerate(shared)}
    phi = np.full((len(trainings), len(shared), len(REGIONS), len(FINDINGS)), np.nan)
    for u, runs in enumerate(trainings):
        for run in runs:
            mine = np.array([image in place for image in run.image_id.tolist()])
            phi[u, [place[image] for image in run.image_id[mine].tolist()]] = run.phi[mine]
        if np.isnan(phi[u]).all():
            raise UserError(f"the other arm tested none of the films of {runs[0].run}; both need the same folds.")
    return phi


def compare_trainings(arms: Sequence[Arm], films: Films, replicates: int) -> dict[str, Any]:
    """Return differences of importance, first − second, as `importance.compare_importance` does, with other intervals.

    A training's importance is the mean of ``|φ|`` over its films, an arm's the mean over its trainings. Patients are
    drawn with replacement, both arms on the same draws; the spread of trainings is added (`stats.crossed`), by their
    differences where both arms have the same seeds or folds, which share initial weights, draws and films. A training's
    share is its importance over that of all its regions.
    """
    drawn = draw_patient_counts(films.patient_id, replicates, 0)
    sizes, draws = zip(*(_sizes(arm, *drawn) for arm in arms), strict=True)
    paired = is_paired(arms)
    n = count_patients(films.patient_id)
    told = _sides(sizes, draws, paired, n, films.disjoint)
    shares = _sides([_shares(one) for one in sizes], [_shares(one) for one in draws], paired, n, films.disjoint)
    corrected = holm(shares[2][1].p)
    result: dict[str, Any] = {}
    for k, finding in enumerate((*FINDINGS, MEAN)):
        result[finding] = {
            region: {side: _entry(*one, (r, k)) for side, one in zip(SIDES, told, strict=True)}
            for r, region in enumerate(REGIONS)
        }
    for r, region in enumerate(REGIONS):
        tested = {"p": float(shares[2][1].p[r]), "p_holm": float(corrected[r])}
        ends = {side: _entry(*one, (r,)) for side, one in zip(SIDES, shares, strict=True)}
        result[MEAN][region]["share"] = ends | tested
    return result


def is_paired(arms: Sequence[Arm]) -> bool:
    """Say whether both arms have the same trainings, two or more."""
    return arms[0].keys == arms[1].keys and len(arms[0].keys) > 1


def list_trainings(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return each training's mean ``|φ|`` over findings and its share, by region."""
    rows = []
    for arm in arms:
        sizes = _by_training(np.abs(arm.phi))[..., -1]
        for key, size, share in zip(arm.keys, sizes, _shares(sizes[..., None]), strict=True):
            for r, region in enumerate(REGIONS):
                rows.append({"arm": arm.name, "training": key, "region": region, "size": size[r], "share": share[r]})
    return rows


def _by_training(sizes: Floats) -> Floats:
    """``(U, N, R, K)`` sizes → ``(U, R, K + 1)`` means over films, the last over findings."""
    means = mean_defined(np.moveaxis(sizes, 1, -1))
    return np.concatenate([means, means.mean(axis=-1, keepdims=True)], axis=-1)


def _sizes(arm: Arm, counts: Any, codes: Any) -> tuple[Floats, Floats]:
    """Return ``(U, R, K + 1)`` means of each training over its films, and ``(B, U, R, K + 1)`` replicates."""
    sizes = np.abs(arm.phi)
    shape = (len(sizes), *sizes.shape[2:])
    rows = sizes.reshape(-1, shape[1] * shape[2])
    groups, who = np.repeat(np.arange(len(sizes)), sizes.shape[1]), np.tile(codes, len(sizes))
    drawn = mean_replicates(rows, groups, counts, who, len(sizes)).reshape(len(counts), *shape)
    drawn = np.concatenate([drawn, drawn.mean(axis=-1, keepdims=True)], axis=-1)
    return _by_training(sizes), drawn


def _shares(sizes: Floats) -> Floats:
    """``(…, R, K + 1)`` sizes → ``(…, R)`` shares of the mean over findings."""
    means = sizes[..., -1]
    total = means.sum(axis=-1, keepdims=True)
    shares: Floats = np.divide(means, total, out=np.full(means.shape, np.nan), where=total > 0)
    return shares


Side = tuple[Floats, Crossed]


def _sides(
    values: Sequence[Floats], draws: Sequence[Floats], paired: bool, patients: float, disjoint: bool
) -> tuple[Side, ...]:
    """Return first, second and their difference with their intervals, each ``(…)`` of ``(U, …)`` by training."""
    groups: list[list[Floats]] = [[values[0]], [values[1]], [values[0] - values[1]] if paired else [*values]]
    means = [one.mean(axis=0) for one in values]
    means.append(means[0] - means[1])
    drawn = [mean_defined(np.moveaxis(one, 1, -1)) for one in draws]
    drawn.append(drawn[0] - drawn[1])
    ends = [
        crossed_interval(mean, each, group, patients, disjoint)
        for mean, each, group in zip(means, drawn, groups, strict=True)
    ]
    ends[:2] = [one._replace(low=np.maximum(one.low, 0)) for one in ends[:2]]  # nothing is less important than 0
    return tuple(zip(means, ends, strict=True))


def _entry(value: Floats, ends: Crossed, place: tuple[int, ...]) -> dict[str, float]:
    return {"value": float(value[place]), "low": float(ends.low[place]), "high": float(ends.high[place])}


def describe_intervals(arms: Sequence[Arm], films: Films) -> str:
    """Say what intervals hold for, and why.

    >>> one = Arm("a", ("seed 0",), np.zeros((1, 1, 1, 1)))
    >>> describe_intervals([one, one], Films(np.array(["x"]), np.array(["x"]), np.zeros((1, 1)), np.zeros(1), False))
    'Patients are resampled; trainings are held fixed, for each arm has one: intervals and p hold for other patients.'
    """
    numbers = [len(arm.keys) for arm in arms]
    if max(numbers) == 1:
        return (
            "Patients are resampled; trainings are held fixed, for each arm has one: intervals and p hold for other "
            "patients."
        )
    kinds = "folds" if films.disjoint else "seeds"
    if is_paired(arms):
        how = f"of the differences between the two arms over {numbers[0]} {kinds}"
    else:
        how = f"of {numbers[0]} and {numbers[1]} trainings"
    fixed = "" if min(numbers) > 1 else " An arm's only training is held fixed: it has no spread."
    fixed += " Two trainings say little about their spread; have three or more." if 2 in numbers else ""
    twice = " Folds have patients of their own: the larger of the two variances counts." if films.disjoint else ""
    return (
        f"Patients are resampled, and the spread {how} is added: intervals (Student's, Satterthwaite) and p hold for "
        f"other patients and other trainings.{fixed}{twice}"
    )


def count_trainings(arms: Sequence[Arm]) -> Mapping[str, int]:
    """Return the number of trainings of each arm."""
    return {arm.name: len(arm.keys) for arm in arms}
