"""Known files of weights, what they were trained on, and which parts of a run's data they have therefore seen."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from cxr_xai.errors import UserError

TABLE = Path(__file__).with_name("known_weights.csv")
"""``pattern`` is of the file's name, lower case, with as many folders as it has slashes; ``sha256`` may be its first
digits, as libraries put them into names; ``trained_on`` names sources, ``source:train_val`` those whose published test
list was left out, which holds for no split but the official one."""

NO_FILE = ("imagenet", "none")
"""Values of ``model.weights`` that are no file."""


@dataclass(frozen=True)
class Known:
    """A row of the table; ``by`` is ``hash``, or ``name`` where only the name of a file speaks for it."""

    name: str
    trained_on: tuple[str, ...]
    source: str
    by: str


@cache
def read_known() -> list[dict[str, str]]:
    """Return the rows of the table."""
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def find_known(path: Path, sha256: str) -> Known | None:
    """Return what is known of a file: by its content, or else by its name.

    A name alone does not clear a file: all rows that it matches count together, and the run says how it was recognized.

    >>> find_known(Path("weights/Kaggle-densenet121-d121-tw.safetensors"), "0" * 64).trained_on
    ('nih',)
    >>> find_known(Path("RadImageNet/chexnet.pt"), "0" * 64).trained_on
    ('radimagenet', 'nih')
    >>> find_known(Path("mine.pt"), "0" * 64) is None
    True
    """
    rows = read_known()
    for by, matching in (
        ("hash", [row for row in rows if row["sha256"] and sha256.startswith(row["sha256"])]),
        ("name", [row for row in rows if matches_name(path, row["pattern"])]),
    ):
        if matching:
            name, source = ("; ".join(dict.fromkeys(row[key] for row in matching)) for key in ("name", "source"))
            seen = [entry for row in matching for entry in row["trained_on"].split()]
            return Known(name, tuple(dict.fromkeys(seen)), source, by)
    return None


def matches_name(path: Path, pattern: str) -> bool:
    """Whether a file is called so, in a folder that is called so where the pattern has folders."""
    parts = path.parts[-(pattern.count("/") + 1) :]
    return fnmatchcase("/".join(parts).lower(), pattern)


def find_seen(trained_on: Sequence[str], source: str, scheme: str) -> tuple[str, ...]:
    """Return which of ``val`` and ``test`` weights may have seen.

    Args:
        trained_on: names of sources, alone or with ``:train_val``.
        source: of the run's data.
        scheme: of its split; only ``official`` has a test part that nobody who kept to the lists has trained on.

    >>> find_seen(["mimic", "nih"], "nih", "official"), find_seen(["mimic"], "nih", "official")
    (('val', 'test'), ())
    >>> find_seen(["nih:train_val"], "nih", "official"), find_seen(["nih:train_val"], "nih", "kfold")
    (('val',), ('val', 'test'))
    """
    names = [entry.partition(":") for entry in trained_on]
    parts = {part for name, _, part in names if name == source}
    if not parts:
        return ()
    return ("val",) if parts == {"train_val"} and scheme == "official" else ("val", "test")


def require_unseen(path: Path, trained_on: Sequence[str], source: str, scheme: str, name: str) -> None:
    """Refuse weights that may have seen test films of a run.

    Args:
        path: of the file.
        trained_on: as in `find_seen`.
        source: likewise.
        scheme: likewise.
        name: of the weights.

    Raises:
        UserError: they may have.
    """
    if "test" not in find_seen(trained_on, source, scheme):
        return
    listed = all(entry != source for entry in trained_on)
    way_out = "split=official, whose test list they have not seen" if listed else "model.weights=imagenet"
    raise UserError(
        f"model.weights={path}: {name or path.name} was trained on films of {source}, those of this run's test part "
        f"among them (split={scheme}); use {way_out}, or weights of other films."
    )
