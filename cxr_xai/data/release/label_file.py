"""The release's label file, in both editions, as tidy columns."""

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from cxr_xai.data.release.image_names import as_names, check_names, line_of
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS, INDEX, NO_FINDING, canonical

COLUMNS = {
    "Image Index": "image_id",
    "Finding Labels": "labels",
    "Follow-up #": "followup",
    "Patient ID": "patient_id",
    "Patient Age": "age",
    "Patient Gender": "sex",
    "View Position": "view",
}
OLDEST = 120
SEXES, VIEWS = ("M", "F"), ("PA", "AP")
AGE = re.compile(r"([0-9]{1,4}(?:\.[0-9]+)?)([YMWD]?)")
PER_YEAR = {"": 1.0, "Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}

Column = Any
"""A dictionary-encoded Arrow array: each rule runs once per distinct text, not once per row."""


def read_labels(path: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read either edition; say what was dropped or blanked, and refuse what cannot be meant.

    - An image name that is not a plain file name: refused (see ``check_names``).
    - A repeated row: dropped if all columns read here are equal, refused if they differ.
    - A label outside the 14 findings, ``No Finding`` beside a finding, no label: refused, since a renamed or lost
      finding would silently become a negative. A label said twice counts once.
    - A row without a patient: refused, since it cannot be kept on one side of a split. Leading zeros do not count.
    - Age in years; ``058Y``, ``011M``, ``003W`` and ``013D`` are DICOM's age strings; over 120 (the 2017 edition has
      414) or unreadable becomes NaN.
    - Follow-up number unreadable: NaN. Sex other than M and F, view other than PA and AP: the empty string.

    Returns:
        ``image_id, patient_id, followup, age, sex, view`` and the findings as 0 or 1, one row per image in the order of
        the file; and counts, in words → number.

    Raises:
        UserError: the file is not a table, lacks a column, has no rows, or breaks a rule above.
    """
    table = _read_table(path)
    counts = {"rows in the label file": table.num_rows}
    table = _drop_repeated(table, path)
    counts["repeated rows dropped"] = counts["rows in the label file"] - table.num_rows
    column = {name: table[name].combine_chunks().dictionary_encode() for name in COLUMNS.values() if name != "image_id"}
    patients = _read_patients(column["patient_id"], table, path)
    labels = column["labels"].dictionary.to_pylist()
    tidy = {
        "image_id": table["image_id"].to_pandas(),
        "patient_id": patients.to_pandas(),
        "followup": _numbers(column["followup"], lambda text: float(text) if text.isdecimal() else np.nan),
        "age": _numbers(column["age"], age_in_years),
        "sex": _texts(column["sex"], lambda text: text if text in SEXES else ""),
        "view": _texts(column["view"], lambda text: text if text in VIEWS else ""),
    }
    counts["ages blanked (impossible or unreadable)"] = int(np.isnan(tidy["age"]).sum())
    counts["sexes blanked (neither M nor F)"] = int((tidy["sex"] == "").sum())
    counts["views blanked (neither PA nor AP)"] = int((tidy["view"] == "").sum())
    counts["follow-up numbers blanked (unreadable)"] = int(np.isnan(tidy["followup"]).sum())
    counts["rows that say a label twice"] = int(_numbers(column["labels"], _says_twice).sum())
    findings = multi_hot(labels, path)[column["labels"].indices.to_numpy()]
    return pd.concat([pd.DataFrame(tidy), pd.DataFrame(findings, columns=list(FINDINGS))], axis=1), counts


def age_in_years(text: str) -> float:
    """Read an age; NaN if it is unreadable or over 120 years.

    >>> age_in_years("058Y"), age_in_years("018M"), age_in_years("414")
    (58.0, 1.5, nan)
    """
    if (match := AGE.fullmatch(text)) is None:
        return np.nan
    years = float(match[1]) / PER_YEAR[match[2]]
    return years if years <= OLDEST else np.nan


def multi_hot(labels: Sequence[str], path: Path) -> npt.NDArray[np.float32]:
    """Turn ``A|B`` texts into ``(texts, K)`` zeros and ones.

    Raises:
        UserError: a text names an unknown finding, or ``No Finding`` beside a finding; ``path`` is named.
    """
    table = np.zeros((len(labels), len(FINDINGS)), np.float32)
    for row, text in enumerate(labels):
        names = {canonical(name) for name in text.split("|")}
        if unknown := names - INDEX.keys() - {NO_FINDING}:
            raise UserError(
                f"{path}: unknown finding {min(unknown)!r} in {text!r}; expected the 14 names or {NO_FINDING!r}."
            )
        if NO_FINDING in names and len(names) > 1:
            raise UserError(f"{path}: {text!r} says both that there is a finding and that there is none; mend the row.")
        table[row, [INDEX[name] for name in names - {NO_FINDING}]] = 1
    return table


def _read_table(path: Path) -> Any:
    """Read the columns needed, as text, under their tidy names."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = next(csv.reader(file), [])
        if wrong := [name for name in COLUMNS if header.count(name) != 1]:
            what = f"has {header.count(wrong[0])} columns called" if wrong[0] in header else "lacks the column"
            raise UserError(f"{path} {what} {wrong[0]!r}; found {', '.join(header[:8])} …. Use the release's file.")
        options = arrow_csv.ConvertOptions(
            include_columns=list(COLUMNS), column_types=dict.fromkeys(COLUMNS, pa.string())
        )
        table = arrow_csv.read_csv(path, convert_options=options)
    except (ValueError, csv.Error) as error:  # Arrow's errors and those of a wrong encoding are ValueErrors
        raise UserError(f"{path} is not a table ({error}). Use the release's file.") from error
    if not table.num_rows:
        raise UserError(f"{path} has a header and no rows. Use the release's file.")
    table = table.rename_columns(list(COLUMNS.values()))
    check_names(as_names(table["image_id"]), path, header=1)
    return table


def _drop_repeated(table: Any, path: Path) -> Any:
    """Drop rows that say the same again; two rows that say different things of one image are a broken file."""
    if len(table["image_id"].unique()) == table.num_rows:
        return table
    rows = table.to_pandas()
    kept = rows[~rows.duplicated()]
    if (other := kept["image_id"].duplicated()).any():
        row = int(kept.index[other.to_numpy().argmax()])
        name = rows["image_id"][row]
        first = int((rows["image_id"] == name).to_numpy().argmax())
        raise UserError(
            f"{path} lines {line_of(path, first + 1)} and {line_of(path, row + 1)} say different things of {name}; "
            "remove the wrong one."
        )
    return table.take(pa.array(kept.index.to_numpy()))


def _read_patients(column: Column, table: Any, path: Path) -> Any:
    """Return ``(rows,)`` patient names without the leading zeros of one of the editions."""
    distinct = pc.replace_substring_regex(pc.utf8_trim_whitespace(column.dictionary), "^0+(.)", r"\1")
    if (blank := pc.index(distinct, "").as_py()) >= 0:
        image = table["image_id"][pc.index(column.indices, blank).as_py()]
        raise UserError(f"{path}: {image} has no patient; fill in its Patient ID or remove its row.")
    return distinct.take(column.indices)


def _says_twice(text: str) -> float:
    names = [canonical(name) for name in text.split("|")]
    return float(len(names) > len(set(names)))


def _numbers(column: Column, rule: Callable[[str], float]) -> npt.NDArray[np.float64]:
    """Return ``(rows,)`` the rule's number for each text, stripped."""
    values = np.array([rule(text.strip()) for text in column.dictionary.to_pylist()], np.float64)
    rows: npt.NDArray[np.float64] = values[column.indices.to_numpy()]
    return rows


def _texts(column: Column, rule: Callable[[str], str]) -> pd.Series:
    """Return ``(rows,)`` the rule's text for each text, stripped."""
    values = as_names([rule(text.strip()) for text in column.dictionary.to_pylist()])
    rows: pd.Series = values.take(column.indices).to_pandas()
    return rows
