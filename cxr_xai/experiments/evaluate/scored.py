"""Which films are scored, and that the run has met none of their patients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.artifacts.protocol import ALL_FILMS
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.file import read_split
from cxr_xai.data.splits.split import EXTERNAL, SplitScheme, hash_division
from cxr_xai.errors import UserError
from cxr_xai.experiments.evaluate.seen import find_unsure, require_unseen_films
from cxr_xai.experiments.kin import describe_unlinked, find_kin
from cxr_xai.experiments.reopen import Run
from cxr_xai.experiments.weights import UNKNOWN
from cxr_xai.files import read_json
from cxr_xai.findings import FINDINGS

PARTS = ("test", "val", "all")
PHANTOM = "phantom"
UNSEEN = ("", "test", EXTERNAL)
"""Parts of a run's split that chose nothing of it: no weight, no epoch, no threshold."""


@dataclass(frozen=True)
class Scored:
    """The studies that are scored.

    Attributes:
        part: ``test``, ``val`` or ``all``.
        scheme: of the split that the part belongs to; ``all films`` without one.
        about: how that was drawn.
        rows: ``(N,)`` of the study table, ascending, all with a film.
        listed: ``(L,)`` all rows of the part, without a film too; those of patients left out are not among them.
        left_out: films of patients that the run has met, by the part in which it met them.
        same_source: whether the run was trained on this source.
        kin: ``linked`` where the films are of another source under the patients' ids of the run's, ``unlinked`` where
            nobody knows who of them is who, else empty.
        own_val: how many of the rows chose the run's epoch and thresholds; only with ``val``.
        unsure: what the run's first weights were trained on that may have been these films.
        unlabeled: films of the part that have no label at all; they are left out.
    """

    part: str
    scheme: str
    about: Mapping[str, Any]
    rows: npt.NDArray[np.int64]
    listed: npt.NDArray[np.int64]
    left_out: Mapping[str, int]
    same_source: bool
    own_val: int
    unsure: Sequence[str] = ()
    unlabeled: int = 0
    kin: str = ""

    @property
    def name(self) -> str:
        """The split for a protocol: only ``test`` of a scheme bears its plain name."""
        return self.scheme if self.part in ("test", "all") else f"{self.scheme}, part {self.part}"


def choose_studies(
    run: Run, data: ChestXrayDataModule, part: str, scheme: SplitScheme, may_have_met: bool = False
) -> Scored:
    """Choose the films of a part, and see to it that no patient of them is one that the run has met.

    ``all`` takes every film and leaves out those patients, whether they trained or chose (val). ``test`` and ``val``
    mean what their split says, so they are not made smaller but refused; ``val`` may be the run's own.

    Args:
        run: that is evaluated.
        data: to score it on.
        part: ``test``, ``val`` or ``all``.
        scheme: divides the data, unless all are taken.
        may_have_met: score films that the run may have been trained on where nobody can tell; it is marked.

    Raises:
        UserError: the part has no film, films of patients that the run has met or may have met, or some that its first
            weights saw.
    """
    index, trained = data.index, read_json(run.folder.certificate)
    same, weights = is_same_source(trained["data"], data), trained.get("weights", {"trained_on": [UNKNOWN]})
    kin = "" if same else find_kin(trained["data"], index)
    if kin == "unlinked" and not may_have_met:
        raise UserError(describe_unlinked(trained["data"], index))
    of_one_name = same or (kin != "" and trained["data"]["source"] == index.name)
    met = read_met(run) if same or kin == "linked" else {}
    films = read_met(run, "image_id") if of_one_name else {}  # a film is itself, whatever its patient is called
    split = None if part == "all" else scheme.split(index)
    listed = np.arange(len(index.studies)) if split is None else split.rows(part)
    owners = zip(index.studies["patient_id"], index.studies["image_id"], strict=True)
    where = np.array([met.get(patient) or films.get(film, "") for patient, film in owners], dtype=str)
    name, about = (ALL_FILMS, {}) if split is None else (split.scheme, dict(split.about))
    sources = dict.fromkeys((index.name, index.origin))
    for source in sources:
        require_unseen_films(weights, source, part, name)
    labeled = ~np.isnan(index.targets[listed]).all(axis=1)
    unlabeled, listed = int(index.present[listed[~labeled]].sum()), listed[labeled]
    if split is None:
        gone = listed[index.present[listed] & (where[listed] != "")]
        listed = listed[where[listed] == ""]
    else:
        allowed = ("", "val") if part == "val" else ("",)
        gone = listed[index.present[listed] & ~np.isin(where[listed], allowed)]
    if split is not None and len(gone):
        _refuse_met(run, index.studies["patient_id"].iloc[gone], where[gone], f"part={part} of split={name}")
    rows = listed[index.present[listed]]
    if not len(rows):
        raise UserError(
            f"part={part}: none of its {len(listed):,} images has a film in {data.root}"
            + (f", or its patient is one that the run has met ({len(gone):,} films)." if len(gone) else ".")
            + (f" {unlabeled:,} films without any label are left out." if unlabeled else "")
        )
    counts = {str(word): int(n) for word, n in pd.Series(where[gone]).value_counts().items()}
    checked = same and set(index.studies["image_id"].iloc[rows]) <= read_judged(run)
    unsure = list(dict.fromkeys(e for name in sources for e in find_unsure(weights["trained_on"], name, checked)))
    own_val = int((where[rows] == "val").sum())
    return Scored(part, name, about, rows, listed, counts, same, own_val, unsure, unlabeled, kin)


def _refuse_met(run: Run, patients: "pd.Series[str]", where: npt.NDArray[np.str_], what: str) -> None:
    raise UserError(
        f"{what} holds {len(patients):,} films of {patients.nunique():,} patients that the run has met (the first is "
        f"{patients.iloc[0]}, in its {where[0]}); part=all leaves them out, and without "
        "split=… they are divided as the run divided them."
    )


def is_same_source(trained_on: Mapping[str, Any], data: ChestXrayDataModule) -> bool:
    """Tell whether patients of equal ids are the same people: sources of one name, whatever the edition or copy.

    A phantom, which a program makes, is the same only if its label file is; films of another source only if both sides
    name its patients, or neither does (`find_kin`).

    Args:
        trained_on: ``data`` of the run's certificate.
        data: to be scored on.
    """
    index = data.index
    if trained_on["source"] != index.name or trained_on.get("linked", True) != index.linked:
        return False
    label_file = next(iter(index.sources))
    made = index.name == PHANTOM
    return not made or trained_on["files"].get(label_file) == index.sources[label_file]


def read_met(run: Run, by: str = "patient_id") -> dict[str, str]:
    """Return the patients (or by ``image_id`` films) that trained a run or chose anything of it → their part."""
    table = read_split(run.folder.split)[1]
    met = table[~table["part"].isin(UNSEEN)]
    return dict(zip(met[by], met["part"], strict=True))


def read_judged(run: Run) -> set[str]:
    """Return the images of val and test of a run, whose patients its first weights were not trained on by any run."""
    table = read_split(run.folder.split)[1]
    return set(table.loc[table["part"].isin(("val", "test")), "image_id"])


def describe_scored(scored: Scored, data: ChestXrayDataModule) -> dict[str, Any]:
    """Return what a certificate says of a split, with the scored studies as its one part, ``test``."""
    studies, rows = data.index.studies, scored.rows
    place = np.full(len(studies), "", dtype="<U4")
    place[rows] = "test"
    targets = data.index.targets[rows]
    known = ~np.isnan(targets)
    share = np.divide(np.nansum(targets, axis=0), known.sum(axis=0), where=known.any(axis=0), out=np.full(14, np.nan))
    return {
        "scheme": scored.name,
        "sha256": hash_division(studies, place),
        "about": dict(scored.about),
        "listed": {"test": len(scored.listed)},
        "without_film": {"test": int((~data.source.present[scored.listed]).sum())},
        "images": {"test": len(rows)},
        "patients": {"test": int(studies["patient_id"].iloc[rows].nunique())},
        "prevalence": {"test": {name: float(share[k]) for k, name in enumerate(FINDINGS)}},
    }
