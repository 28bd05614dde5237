"""A published CSV as text, column by column, and the errors that a person can mend."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from cxr_xai.errors import UserError


def read_header(path: Path) -> list[str]:
    """Return the names of the columns, as they stand.

    Raises:
        UserError: there is no such file, or it is not text.
    """
    if not path.is_file():
        raise UserError(f"No {path.name} in {path.parent}: copy it there from the published files.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [name.strip() for name in next(csv.reader(file), [])]
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path} is not a table ({error}). Use the published file.") from error


def read_columns(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read columns as text; an empty cell is ``""``.

    Raises:
        UserError: the file is missing or no table, lacks a column or has it twice, or has no rows.
    """
    header = read_header(path)
    if wrong := [name for name in columns if header.count(name) != 1]:
        what = f"has {header.count(wrong[0])} columns called" if wrong[0] in header else "lacks the column"
        raise UserError(f"{path} {what} {wrong[0]!r}; found {', '.join(header[:8])} …. Use the published file.")
    try:
        read = arrow_csv.ReadOptions(column_names=header, skip_rows=1)
        convert = arrow_csv.ConvertOptions(
            include_columns=list(columns), column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
        )
        table: pd.DataFrame = arrow_csv.read_csv(path, read, convert_options=convert).to_pandas()
    except ValueError as error:  # Arrow's errors are ValueErrors
        raise UserError(f"{path} is not a table ({error}). Use the published file.") from error
    if not len(table):
        raise UserError(f"{path} has a header and no rows. Use the published file.")
    return pd.DataFrame({name: table[name].str.strip() for name in columns})


def as_labels(texts: "pd.Series[str]", allowed: Sequence[float], path: Path) -> Any:
    """Return ``(rows,)`` float32 labels; an empty cell is NaN.

    Args:
        texts: cells of one column.
        allowed: the values that the source knows.
        path: of the table.

    Raises:
        UserError: another value; the message has its line.
    """
    numbers = pd.to_numeric(texts.mask(texts == ""), errors="coerce").to_numpy(np.float32)
    wrong = ~np.isin(numbers, allowed) & (texts != "").to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"{path} line {row + 2}: {texts.name} is {texts.iloc[row]!r}; expected "
            f"{', '.join(f'{value:g}' for value in allowed)} or nothing. Mend the line, or use the published file."
        )
    return numbers


def as_numbers(table: pd.DataFrame, columns: Sequence[str], path: Path) -> pd.DataFrame:
    """Return columns as float64; an empty cell is NaN.

    Raises:
        UserError: a cell is no finite number; the message has its line.
    """
    numbers = pd.DataFrame(
        {name: pd.to_numeric(table[name].mask(table[name] == ""), errors="coerce") for name in columns}
    )
    wrong = (table[list(columns)] != "").to_numpy() & ~np.isfinite(numbers.to_numpy(np.float64))
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise UserError(
            f"{path} line {row + 2}: {columns[column]} is {table[columns[column]].iloc[row]!r}, which is no number; "
            "mend the line, or use the published file."
        )
    return numbers
