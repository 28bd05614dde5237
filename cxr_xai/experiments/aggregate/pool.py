"""Out-of-fold predictions: what each arm said of every study when it was tested, aligned over arms and seeds."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.cells import Cell, whole_or_refused
from cxr_xai.experiments.aggregate.refuse import Design, cells_of, require_own_predictions
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.thresholds.contract import PREVALENCE_MATCHED

Floats = npt.NDArray[np.float64]
K = len(FINDINGS)
SCORES = ("prob", "calibrated", "pred")


@dataclass(frozen=True)
class Predicted:
    """What one run said of one part, by image.

    Attributes:
        images: ``(N,)`` ascending.
        patients: ``(N,)``.
        target: ``(N, K)``.
        scores: ``prob``, ``pred`` and, if the run has it, ``calibrated``: each ``(N, K)``.
        digest: hash over images and logits.
    """

    images: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    target: Floats
    scores: Mapping[str, Floats]
    digest: str


@dataclass(frozen=True)
class Pool:
    """Every tested study once, and what all arms said of it.

    Attributes:
        images: ``(N,)``.
        patients: ``(N,)``.
        fold: ``(N,)`` the fold in which the study was tested; 0 where there are none.
        target: ``(N, K)``.
        scores: arm → ``prob``, ``pred``, ``calibrated`` → one ``(N, K)`` per seed.
        seeds: in the order of the lists.
        unsupported: ``(K,)`` findings of which some run's val had too few positives to choose a threshold for.
    """

    images: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    fold: npt.NDArray[np.int64]
    target: Floats
    scores: Mapping[str, Mapping[str, list[Floats]]]
    seeds: tuple[int, ...]
    unsupported: npt.NDArray[np.bool_]

    @property
    def folds(self) -> list[int]:
        """The folds, in order."""
        return sorted(set(self.fold.tolist()))


def read_predicted(cell: Cell, part: str) -> Predicted:
    """Read the predictions of one part.

    Raises:
        UserError: the file is damaged, or a study is there twice, or not with every finding.
    """
    with whole_or_refused(cell.folder.predictions):
        table = pd.read_parquet(cell.folder.predictions, filters=[("part", "==", part)])
        number = table["finding"].map({name: k for k, name in enumerate(FINDINGS)}).to_numpy(np.int64)
        image = table["image_id"].to_numpy(str)
    order = np.lexsort((number, image))
    images = image[order][::K]
    whole = len(order) == K * len(set(images.tolist())) and (number[order].reshape(-1, K) == np.arange(K)).all()
    if not whole or (image[order].reshape(-1, K) != images[:, None]).any():
        raise UserError(f"{cell.folder.predictions} does not hold each study once with every finding; run it again.")
    wide = {
        name: table[name].to_numpy()[order].reshape(-1, K) for name in ("target", "logit", *SCORES) if name in table
    }
    digest = hashlib.sha256("\n".join(images).encode() + np.ascontiguousarray(wide["logit"], np.float32).tobytes())
    scores = {name: wide[name].astype(np.float64) for name in SCORES if name in wide}
    patients = table["patient_id"].to_numpy(str)[order][::K]
    return Predicted(images, patients, wide["target"].astype(np.float64), scores, digest.hexdigest())


def read_complete(cell: Cell, part: str) -> Predicted:
    """Read the predictions of one part, for as many studies as the run's certificate counts.

    Raises:
        UserError: some are missing, or see `read_predicted`.
    """
    predicted = read_predicted(cell, part)
    require_complete(cell, part, predicted)
    return predicted


def require_complete(cell: Cell, part: str, predicted: Predicted) -> None:
    """Refuse fewer or more studies than the run's certificate counts.

    Raises:
        UserError: says how many of how many.
    """
    wanted = int(cell.split["images"][part])
    if len(predicted.images) != wanted:
        found = f"{len(predicted.images):,} of {wanted:,}"
        raise UserError(f"{cell.name} predicted {found} studies of {part}; run it again.")


def read_pool(design: Design, tables: Mapping[int | None, pd.DataFrame]) -> Pool:
    """Read the tested studies of every run.

    Args:
        design: arm → seed → cells in order of their fold.
        tables: fold → ``image_id, patient_id, part``.

    Raises:
        UserError: a run predicted other studies than its split tests or than other arms did, or other labels, or
            predictions are those of another fold or seed.
    """
    cells = cells_of(design)
    read = {cell.name: read_predicted(cell, "test") for cell in cells}
    require_own_predictions(cells, {name: predicted.digest for name, predicted in read.items()})
    first = {cell.fold: cell for cell in reversed(cells)}
    for cell in cells:
        _require_same_studies(cell, read[cell.name], first[cell.fold], read[first[cell.fold].name], tables[cell.fold])
        require_complete(cell, "test", read[cell.name])
    scores: dict[str, dict[str, list[Floats]]] = {}
    for arm, runs in design.items():
        kinds = [kind for kind in SCORES if all(kind in read[c.name].scores for folds in runs.values() for c in folds)]
        scores[arm] = {
            kind: [np.concatenate([read[cell.name].scores[kind] for cell in folds]) for folds in runs.values()]
            for kind in kinds
        }
    one = next(iter(next(iter(design.values())).values()))
    numbers = [np.full(len(read[cell.name].images), cell.fold or 0) for cell in one]
    seeds = tuple(next(iter(design.values())))
    parts = [read[cell.name] for cell in one]
    images, patients = (np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "patients"))
    target = np.concatenate([part.target for part in parts])
    return Pool(images, patients, np.concatenate(numbers), target, scores, seeds, find_unsupported(cells))


def _require_same_studies(cell: Cell, mine: Predicted, other: Cell, theirs: Predicted, division: pd.DataFrame) -> None:
    owners = division[division["part"] == "test"].set_index("image_id")["patient_id"]
    known = pd.Series(mine.patients, index=mine.images)
    if not known.index.isin(owners.index).all() or (owners.loc[known.index] != known).any():
        stranger = next(image for image in mine.images if owners.get(image) != known[image])
        raise UserError(f"{cell.name} predicted {stranger}, which its split does not test; run it again.")
    if not np.array_equal(mine.images, theirs.images):
        odd = sorted(set(mine.images) ^ set(theirs.images))
        raise UserError(
            f"{other.name} and {cell.name} test the same fold and predicted other studies ({len(odd):,}, the first is "
            f"{odd[0]}); films that one found and the other did not."
        )
    if not np.array_equal(mine.target, theirs.target, equal_nan=True):
        raise UserError(f"{other.name} and {cell.name} were scored against different labels of the same studies.")


def find_unsupported(cells: Sequence[Cell]) -> npt.NDArray[np.bool_]:
    """Return ``(K,)`` true where some run's val had too few positives, so that the finding is outside macro F1."""
    rules = [[cell.summary["classification"]["test"]["findings"][name]["threshold_rule"] for name in FINDINGS]
             for cell in cells]  # fmt: skip
    return np.asarray((np.array(rules) == PREVALENCE_MATCHED).any(axis=0))


def tabulate_pool(pool: Pool) -> pd.DataFrame:
    """Return the columns ``OUT_OF_FOLD_COLUMNS``: one row per arm, seed, study and finding."""
    tables = []
    for arm, kinds in pool.scores.items():
        for number, seed in enumerate(pool.seeds):
            table = pd.DataFrame(
                {
                    "image_id": np.repeat(pool.images, K),
                    "patient_id": np.repeat(pool.patients, K),
                    "fold": np.repeat(pool.fold, K),
                    "finding": np.tile(np.array(FINDINGS), len(pool.images)),
                    "target": pool.target.ravel(),
                    **{kind: values[number].ravel() for kind, values in kinds.items()},
                }
            )
            tables.append(table.assign(arm=arm, seed=seed, pred=table["pred"].astype("int8")))
    return pd.concat(tables, ignore_index=True).astype({"arm": "category", "finding": "category"})
