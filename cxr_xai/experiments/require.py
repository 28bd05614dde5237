"""What a setting of a script must be before anything is read or computed."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cxr_xai.errors import UserError

MOST = {"grid": 1024, "bootstrap": 100_000, "replicates": 100_000}
"""What is refused above, since memory or hours would end it."""


def require_numbers(settings: Mapping[str, Any], optional: Collection[str] = (), **least: int) -> None:
    """Refuse a setting that is no whole number, below its least or above `MOST`.

    Args:
        settings: of a script.
        optional: keys that may be null.
        least: the smallest value allowed, by key.

    Raises:
        UserError: names the first such key.

    >>> require_numbers({"bootstrap": 1000, "max_studies": None}, optional=["max_studies"], bootstrap=1, max_studies=1)
    """
    for key, low in least.items():
        value = settings[key]
        if value is None and key in optional:
            continue
        most = MOST.get(key, float("inf"))
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= most:
            to = f"from {low} to {most:,}" if key in MOST else f"of at least {low}"
            null = " or null" if key in optional else ""
            raise UserError(f"{key}={value}: expected a whole number {to}{null}.")


def require_share(settings: Mapping[str, Any], key: str) -> float:
    """Return a setting that is a number from 0 to 1.

    Raises:
        UserError: it is not.
    """
    value = settings[key]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise UserError(f"{key}={value}: expected a number from 0 to 1.")
    return float(value)


def require_folder(path: Path) -> Path:
    """Make a folder to write to, and return it.

    Raises:
        UserError: it, or something on the way to it, is a file, or it cannot be made.
    """
    for place in (path, *path.parents):
        if place.is_file():
            raise UserError(f"output: {place} is a file, not a folder; name another place.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"output: {path} cannot be made ({error.strerror}); name another place.") from error
    return path


def require_file(path: Path) -> Path:
    """Make the folder of a file to write, and return the file's path.

    Raises:
        UserError: it is a folder, or its folder cannot be made.
    """
    if path.is_dir():
        raise UserError(f"output={path} is a folder; name a file in it, {path / 'table.csv'}.")
    require_folder(path.parent)
    return path
