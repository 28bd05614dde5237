"""Chest drains of NIH films, as non-experts saw them: NEATX (Cheplygina et al., MIUA 2025, arXiv 2309.02244).

Source: https://zenodo.org/records/14944064, 3,543 annotations of films whose report speaks of a pneumothorax. Any table
is read that has a column that names the film, and one or more that speak of a drain (their names hold ``drain`` or
``chest tube``); one row a film, or one a film and annotator. Where several speak of a film the majority counts; a tie,
an empty field or an "unsure" is unknown, and so is every other film.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_xai.errors import UserError

ID_NAMES = ("imageindex", "imageid", "image", "imagename", "filename", "file", "img", "id")
"""Names of the column with the film, without case, spaces and marks; the first that is there counts."""

DRAIN = re.compile(r"drain|chesttube")
YES, NO = ("1", "1.0", "yes", "y", "true", "present"), ("0", "0.0", "no", "n", "false", "absent")
UNSURE = ("", "-1", "-1.0", "nan", "na", "unsure", "uncertain", "unknown", "?")


def read_drains(path: Path) -> pd.Series:
    """Read who has a drain.

    Args:
        path: a CSV in the layout above.

    Returns:
        ``yes``, ``no`` or missing, by image id.

    Raises:
        UserError: there is no such file, no such column, or a field says something else.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UserError(f"{path} cannot be read ({reason}); give the file of NEATX for NIH films.") from error
    plain = {re.sub(r"[^a-z0-9]", "", str(name).lower()): name for name in table.columns}
    film = next((plain[name] for name in ID_NAMES if name in plain), None)
    drains = [name for word, name in plain.items() if DRAIN.search(word) and name != film]
    if film is None or not drains:
        wanted = "names the film (Image Index)" if film is None else "says whether there is a drain"
        raise UserError(f"{path} has no column that {wanted}; found {', '.join(map(str, table.columns[:8]))}.")
    votes = sum((_votes(table[name], path, str(name)) for name in drains), np.zeros(len(table)))
    names = table[film].str.strip()
    names = names.where(names.str.contains(r"\.\w+$"), names + ".png")
    balance = pd.Series(np.asarray(votes), index=pd.Index(names, name="image_id")).groupby(level=0, sort=False).sum()
    said = np.select([balance > 0, balance < 0], ["yes", "no"], "")
    return pd.Series(said, index=balance.index, name="drain", dtype="str").replace("", np.nan)


def _votes(column: pd.Series, path: Path, name: str) -> np.ndarray:
    """Return 1 for yes, -1 for no, 0 for unsure, row by row."""
    words = column.str.strip().str.lower()
    if (strange := ~words.isin([*YES, *NO, *UNSURE])).any():
        row = int(strange.to_numpy().argmax())
        raise UserError(f"{path} says {column[row]!r} in column {name!r}, line {row + 2}; expected 1 or 0, yes or no.")
    return np.asarray(words.isin(YES).astype(int) - words.isin(NO).astype(int))
