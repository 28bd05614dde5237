"""What else is known about films, from a CSV of image ids: a drain, a scanner, a hospital.

One row a film, or one a film and annotator; one column, or one an annotator. Where several say yes or no of a film the
majority counts; a tie, an empty field or an "unsure" is unknown.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

import pandas as pd

from cxr_xai.errors import UserError

ID_NAMES = ("imageindex", "imageid", "image", "imagename", "filename", "file", "img", "id")
"""Names of the column with the film, without case, spaces and marks; the first that is there counts."""
ALSO = {"drain": ("chesttube",)}
"""Other words by which columns speak of an attribute."""
YES, NO = "yes", "no"
VOTES = {
    **dict.fromkeys(("1", "1.0", "yes", "y", "true", "present"), 1),
    **dict.fromkeys(("0", "0.0", "no", "n", "false", "absent"), -1),
    **dict.fromkeys(("", "-1", "-1.0", "nan", "na", "unsure", "uncertain", "unknown", "?"), 0),
}

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
        values = self.values.set_axis(self._names(ids))
        if not values.index.isin(ids).any():
            there = f"{self.values.index[0]!r}" if len(self.values) else "nothing"
            raise UserError(
                f"{self.path} names none of the {len(ids):,} films (it has {there}, they are like "
                f"{ids[0] if len(ids) else ''!r}): give the image ids of this source, with their suffix."
            )
        placed = values.reindex(ids)
        return placed.fillna(NO) if self.listed and unlisted == "no" else placed

    def strangers(self, image_ids: Iterable[str]) -> list[str]:
        """Return the ids of the file that are no film of these, in its order."""
        ids = pd.Index(list(image_ids))
        return list(self.values.index[~self._names(ids).isin(ids)])

    def _names(self, ids: pd.Index) -> pd.Index:
        """Return the file's ids as the films are called: a file may leave off their suffix."""
        mine = self.values.index
        suffix = PurePath(str(ids[0])).suffix if len(ids) else ""
        longer = pd.Index([f"{one}{suffix}" for one in mine], name=mine.name)
        short = ~mine.isin(ids) & longer.isin(ids) & ~longer.isin(mine)
        return mine.where(~short, longer)


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
    """Read a CSV with a column that names films (``image_id``, ``Image Index`` … `ID_NAMES`).

    Alone it lists those that have the attribute. With more columns those that speak of ``name`` give the value, or the
    only other one; where all values are 0/1, true/false or yes/no they are votes and become ``no`` and ``yes``.

    Raises:
        UserError: there is no such file, it has no image ids or no such column, or gives a film two values.
    """
    path = Path(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError:
        raise UserError(f"{name}: there is no file {path}; give a CSV with a column image_id.") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{name}: {path} is no CSV ({reason}); give one with a column image_id.") from None
    plain = {_plain(column): str(column) for column in table.columns}
    key = next((plain[one] for one in ID_NAMES if one in plain), None)
    if key is None:
        head = ", ".join(map(str, table.columns[:5]))
        raise UserError(f"{name}: {path} has no column image_id (it has {head}); name its first column so.")
    others = [str(column) for column in table.columns if column != key]
    ids = table[key].str.strip()
    if not others:
        return AttributeFile(path, pd.Series(YES, index=_index(ids.unique()), name=name, dtype="str"), listed=True)
    said = table[_columns(path, name, others)].apply(lambda column: column.str.strip())
    return AttributeFile(path, _values(path, name, ids, said), listed=False)


def _index(names: Any) -> pd.Index:
    index: pd.Index = pd.Index(names, name="image_id")
    return index


def _plain(column: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(column).lower())


def _columns(path: Path, name: str, columns: list[str]) -> list[str]:
    if name in columns:
        return [name]
    words = (_plain(name), *ALSO.get(name, ()))
    if speaking := [column for column in columns if any(word and word in _plain(column) for word in words)]:
        return speaking
    if len(columns) > 1:
        raise UserError(f"{name}: {path} has no column {name!r}, but {', '.join(columns)}; name the attribute as one.")
    return columns


def _values(path: Path, name: str, ids: pd.Series, said: pd.DataFrame) -> pd.Series:
    """Return one value a film: the majority of votes, or the words themselves where they are no votes."""
    votes = said.apply(lambda column: column.str.lower().map(VOTES))
    if votes.notna().all(axis=None):
        balance = votes.sum(axis=1).set_axis(_index(ids)).groupby(level=0, sort=False).sum()
        words: pd.Series = balance.map(lambda sum_: YES if sum_ > 0 else NO if sum_ < 0 else None).astype("str")
        return words.where(balance != 0).rename(name)
    if said.shape[1] > 1:
        raise UserError(f"{name}: {path} says more than yes and no in {', '.join(said.columns)}; leave one of them.")
    table = pd.DataFrame({"image_id": ids, name: said.iloc[:, 0]}).drop_duplicates()
    if (twice := table["image_id"].duplicated()).any():
        raise UserError(f"{name}: {path} gives {table['image_id'][twice].iloc[0]!r} two values; leave one.")
    values = table.set_index("image_id")[name]
    return values.where(values != "").astype("str")
