"""What else is known about films, from a CSV of image ids: a drain, a scanner, a hospital."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from cxr_xai.errors import UserError

ID_COLUMNS = ("image_id", "Image Index")
YES, NO = "yes", "no"
_WORDS = {"1": YES, "1.0": YES, "true": YES, "yes": YES, "0": NO, "0.0": NO, "false": NO, "no": NO}

Unlisted = Literal["no", "unknown"]
"""What a list of image ids says about the films that it does not name."""


@dataclass(frozen=True)
class AttributeFile:
    """One attribute as a file gives it.

    Attributes:
        path: of the file.
        values: strings by image id, each id once; missing where the file leaves the field empty.
        listed: true where the file only lists the films that have it (all values are ``yes``).
    """

    path: Path
    values: pd.Series
    listed: bool

    def place(self, image_ids: Iterable[str], unlisted: Unlisted = "no") -> pd.Series:
        """Return the attribute of these films, by image id; films that the file does not name are unknown.

        Of a mere list they are ``unlisted``: ``no``, or ``unknown`` where nobody went through all films.

        Raises:
            UserError: the file names none of the films.
        """
        ids = pd.Index(list(image_ids), name="image_id")
        if not self.values.index.isin(ids).any():
            there = f"{self.values.index[0]!r}" if len(self.values) else "nothing"
            raise UserError(
                f"{self.path} names none of the {len(ids):,} films (it has {there}, they are like "
                f"{ids[0] if len(ids) else ''!r}): give the image ids of this source, with their suffix."
            )
        placed = self.values.reindex(ids)
        return placed.fillna(NO) if self.listed and unlisted == "no" else placed

    def strangers(self, image_ids: Iterable[str]) -> list[str]:
        """Return the ids of the file that are no film of these, in its order."""
        return list(self.values.index[~self.values.index.isin(pd.Index(list(image_ids)))])


def read_attribute(path: Path, image_ids: Iterable[str], name: str, unlisted: Unlisted = "no") -> pd.Series:
    """Read one attribute of films.

    Args:
        path: a CSV that `read_attribute_file` reads.
        image_ids: of the films, each once.
        name: of the attribute.
        unlisted: what films are that a mere list does not name.

    Returns:
        Strings by image id, called ``name``; missing is unknown. Ids of other films are passed over
        (`AttributeFile.strangers` counts them).

    Raises:
        UserError: there is no such file, it is no such table, or it names none of the films.
    """
    return read_attribute_file(path, name).place(image_ids, unlisted)


def read_attribute_file(path: Path, name: str) -> AttributeFile:
    """Read a CSV whose column ``image_id`` (or ``Image Index``) lists films.

    Alone it lists those that have the attribute. With more columns the one called ``name`` gives the value, or the only
    other one; where all values are 0/1, true/false or yes/no they become ``no`` and ``yes``, and an empty field is
    unknown.

    Raises:
        UserError: there is no such file, it has no image ids or no such column, or gives a film two values.
    """
    path = Path(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError:
        raise UserError(f"{name}: there is no file {path}; give a CSV with a column image_id.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{name}: {path} is no CSV ({error}); give one with a column image_id.") from None
    key = next((column for column in ID_COLUMNS if column in table.columns), None)
    if key is None:
        head = ", ".join(map(str, table.columns[:5]))
        raise UserError(f"{name}: {path} has no column image_id (it has {head}); name its first column so.")
    others = [column for column in table.columns if column != key]
    values = _tidy(table[_column(path, name, others)]) if others else pd.Series(YES, index=table.index, dtype="str")
    return AttributeFile(path, _once(path, name, table[key].str.strip(), values), listed=not others)


def _column(path: Path, name: str, columns: list[str]) -> str:
    if name in columns:
        return name
    if len(columns) > 1:
        raise UserError(f"{name}: {path} has no column {name!r}, but {', '.join(columns)}; name the attribute as one.")
    return columns[0]


def _tidy(values: pd.Series) -> pd.Series:
    values = values.str.strip()
    known = values[values != ""]
    words = known.str.lower().map(_WORDS)
    return (known if words.isna().any() else words).astype("str").reindex(values.index)


def _once(path: Path, name: str, image_ids: pd.Series, values: pd.Series) -> pd.Series:
    table = pd.DataFrame({"image_id": image_ids, name: values}).drop_duplicates()
    if (twice := table["image_id"].duplicated()).any():
        raise UserError(f"{name}: {path} gives {table['image_id'][twice].iloc[0]!r} two values; leave one.")
    return table.set_index("image_id")[name]
