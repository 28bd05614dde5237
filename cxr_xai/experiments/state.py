"""Fresh, to be continued, complete, or somebody else's: what a run folder is to the command that names it."""

from enum import Enum
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.files import read_json


class State(Enum):
    """What there is to do."""

    FRESH = "fresh"
    PARTIAL = "partial"
    COMPLETE = "complete"


IDENTITY = {
    "code": ("code", "sha256"),
    "data": ("data", "sha256"),
    "split": ("split", "sha256"),
}
"""What must not have changed, and where the certificate has it."""


def find_state(folder: RunFolder, certificate: dict[str, Any], max_epochs: int) -> State:
    """Compare what is in the folder with what would run now.

    A finished run is complete unless more epochs are asked for than it was allowed; then it continues.

    Raises:
        UserError: the folder was made by other code or from other data; the message names what, and the override.
    """
    if not folder.certificate.is_file():
        return State.FRESH
    old = read_json(folder.certificate)
    for what, (section, key) in IDENTITY.items():
        if old[section][key] != certificate[section][key]:
            raise UserError(
                f"{folder.path} was made with other {what} "
                f"({old[section][key][:8]}, now {certificate[section][key][:8]}); "
                "fresh=true moves it aside and starts anew."
            )
    if not folder.summary.is_file():
        return State.PARTIAL
    done = folder.read_summary()
    more = max_epochs > done["max_epochs"] and not done["stopped_early"]
    return State.PARTIAL if more else State.COMPLETE


def move_aside(path: Path) -> Path | None:
    """Rename a folder to the first free ``<name>~<n>``; nothing is deleted. None if there is no folder."""
    if not path.exists():
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}~{number}")).exists():
        number += 1
    return path.rename(aside)
