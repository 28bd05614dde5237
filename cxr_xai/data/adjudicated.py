"""Labels of NIH films by radiologists who looked at them and agreed, beside those mined from reports.

Source: Majkowska et al., Radiology 2020;294:421 (https://doi.org/10.1148/radiol.2019191293): three radiologists a film,
adjudicated; ``four_findings_expert_labels_validation_labels.csv`` (2,412 films) and ``…_test_labels.csv`` (1,962), with
the columns ``Image Index, Patient ID, Fracture, Pneumothorax, Airspace opacity, Nodule or mass`` and YES or NO. A film
that is not listed was not judged: unknown, never absent.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_xai.data.crosswalk import Crosswalk
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

FILES = ("four_findings_expert_labels_validation_labels.csv", "four_findings_expert_labels_test_labels.csv")
LABELS = ("Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass")
COLUMNS = ("image_id", *LABELS, *(f"mined {name}" for name in FINDINGS))
WHOSE = "adjudicated by radiologists (Majkowska 2020)"

_WALK = Crosswalk("majkowska")
RELATIONS: dict[str, dict[str, str]] = {
    name: {pair.ours: pair.relation for pair in _WALK.pairs if pair.theirs == name and pair.ours} for name in LABELS
}
"""What their label is to findings of ours, as in all of ``crosswalk.csv``."""

UNIONS: dict[str, tuple[str, ...]] = {
    "Pneumothorax": ("Pneumothorax",),
    "Airspace opacity": ("Consolidation", "Edema", "Infiltration", "Pneumonia"),
    "Nodule or mass": ("Mass", "Nodule"),
}
"""The findings whose union stands for a label of theirs. Atelectasis is in none: reports name it for lines and plates
that nobody calls an opacity. Fracture is none of the 14."""

EQUAL = _WALK.equal
"""Our finding → their label that is the same: what alone becomes a label of ours."""

_WORDS = {"YES": 1.0, "NO": 0.0, "": np.nan}


def read_adjudicated(paths: Sequence[Path]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the published files.

    A film that is said again in the same words is dropped and counted. An empty field is unknown.

    Returns:
        ``image_id, patient_id`` and ``LABELS`` as 1, 0 or NaN, one row per film; and counts, in words → number.

    Raises:
        UserError: a file is not there or no table, lacks a column, says something else than YES or NO, or two rows say
            different things of a film.
    """
    read = pd.concat([_read_file(path) for path in paths], ignore_index=True)
    table = read.drop_duplicates()
    if (twice := table["image_id"].duplicated()).any():
        raise UserError(
            f"{' and '.join(path.name for path in paths)} say different things of {table['image_id'][twice].iloc[0]}; "
            "use the files as they are published."
        )
    return table.reset_index(drop=True), {"adjudicated films read": len(table)}


def _read_file(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UserError(f"{path} cannot be read ({reason}); use the published {' and '.join(FILES)}.") from error
    names = ("Image Index", "Patient ID", *LABELS)
    if missing := [name for name in names if name not in table.columns]:
        found = ", ".join(map(str, table.columns[:8]))
        raise UserError(
            f"{path} lacks the column {missing[0]!r}; found {found}. Use {' and '.join(FILES)}, not those of "
            "individual readers."
        )
    table = table[list(names)].apply(lambda column: column.str.strip())
    for name in LABELS:
        words = table[name].str.upper()
        if (strange := ~words.isin(list(_WORDS))).any():
            row = int(strange.to_numpy().argmax())
            film = table["Image Index"][row]
            raise UserError(f"{path} says {table[name][row]!r} of {name} in {film}; expected YES or NO.")
        table[name] = words.map(_WORDS).astype(np.float64)
    patients = table["Patient ID"].str.replace(r"^0+(.)", r"\1", regex=True)
    tidy: pd.DataFrame = table.assign(image_id=table["Image Index"], patient_id=patients)
    return tidy[["image_id", "patient_id", *LABELS]]


def place_adjudicated(read: pd.DataFrame, studies: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give each judged film what was mined of it; films that the label file does not have are dropped and counted.

    Args:
        read: of `read_adjudicated`.
        studies: with mined findings.

    Returns:
        The columns ``COLUMNS``, in the order of ``studies``; and counts.

    Raises:
        UserError: a film has another patient here, or no film is known.
    """
    judged = read.set_index("image_id").rename(columns={"patient_id": "owner"})
    mined = studies[["image_id", "patient_id", *FINDINGS]].rename(columns={name: f"mined {name}" for name in FINDINGS})
    both = mined[mined["image_id"].isin(judged.index)].join(judged, on="image_id").reset_index(drop=True)
    if (other := both["owner"] != both["patient_id"]).any():
        row = both[other].iloc[0]
        raise UserError(
            f"the adjudicated labels say that {row['image_id']} is of patient {row['owner']}, the label file of "
            f"{row['patient_id']}: they are of another release."
        )
    if both.empty:
        raise UserError(f"none of the {len(read):,} adjudicated films is in the label file; use those of this release.")
    return both[list(COLUMNS)], {"adjudicated films not in the label file": len(read) - len(both)}


def relabel(studies: pd.DataFrame, adjudicated: pd.DataFrame) -> pd.DataFrame:
    """Return the studies with adjudicated labels in place of mined ones: what is the ``same`` alone, all else unknown.

    Args:
        studies: with mined findings.
        adjudicated: of `place_adjudicated`.
    """
    judged = adjudicated.set_index("image_id")
    labels = {name: studies["image_id"].map(judged[EQUAL[name]]) if name in EQUAL else np.nan for name in FINDINGS}
    return studies.assign(**labels).astype(dict.fromkeys(FINDINGS, np.float32))
