"""One way to write a summary under its schema and to read it back, for every folder that a script leaves."""

from pathlib import Path
from typing import Any

from cxr_xai.errors import UserError
from cxr_xai.files import read_json, write_json


def write_summary(path: Path, version: int, summary: dict[str, Any]) -> None:
    """Write plain types, headed by ``schema_version``."""
    write_json(path, {"schema_version": version, **summary})


def read_summary(path: Path, version: int, what: str, script: str) -> dict[str, Any]:
    """Read what `write_summary` wrote.

    Args:
        path: of the file.
        version: of the schema that is read.
        what: the folder holds then, in words: ``aggregate``.
        script: that makes it: ``scripts/aggregate.py``.

    Raises:
        UserError: there is no such file, it is damaged, or of another schema.
    """
    if not path.is_file():
        raise UserError(f"{path.parent} holds no {what} (no {path.name}); run {script}.")
    try:
        summary: dict[str, Any] = dict(read_json(path))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); run {script} again.") from error
    if summary.get("schema_version") != version:
        found = summary.get("schema_version")
        raise UserError(f"{path} has schema {found}, this version reads {version}; run {script} again.")
    return summary
