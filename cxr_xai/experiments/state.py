"""Fresh, to be continued, complete, or somebody else's: what a run folder is to the command that names it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.terminal import console
from cxr_xai.files import read_json
from cxr_xai.lease import DURATION, Lease, find_owner


class State(Enum):
    """What there is to do."""

    FRESH = "fresh"
    PARTIAL = "partial"
    COMPLETE = "complete"


IDENTITY = {
    "code": ("code", "sha256"),
    "data": ("data", "sha256"),
    "split": ("split", "sha256"),
    "weights to begin with": ("weights", "sha256"),
    "masks": ("guidance", "sha256"),
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
        before, now = ((place.get(section) or {}).get(key) for place in (old, certificate))
        if before != now:
            raise UserError(
                f"{folder.path} was made with other {what} ({str(before)[:8]}, now {str(now)[:8]}); "
                "fresh=true moves it aside and starts anew."
            )
    if not folder.summary.is_file():
        return State.PARTIAL
    done = folder.read_summary()
    more = max_epochs > done["max_epochs"] and not done["stopped_early"]
    if more and not folder.last.is_file():
        raise UserError(
            f"{folder.path} finished {done['max_epochs']} epochs and kept no last.ckpt to go on from; "
            "fresh=true moves it aside and starts anew."
        )
    return State.PARTIAL if more else State.COMPLETE


@contextmanager
def _claim(folder: RunFolder) -> Iterator[None]:
    lease = Lease(folder.lease, deadly=True)
    # A claim whose owner is not seen is waited out: on another machine nobody can tell silence from death.
    if folder.lease.exists() and not find_owner(folder.lease):
        console.print(f"{folder.lease} has no living owner; waiting up to {DURATION + 5:.0f} s", soft_wrap=True)
    if not lease.take(timeout=0 if find_owner(folder.lease) else DURATION + 5):
        owner = find_owner(folder.lease) or "another process"
        raise UserError(
            f"{folder.path} is being worked on by {owner}; wait for it, or end it ({folder.lease.name} is its claim)."
        )
    try:
        yield
    finally:
        lease.release()


@contextmanager
def claim_run(folder: RunFolder) -> Iterator[None]:
    """Hold the only claim on a run folder; a folder that nothing was written to is taken away again.

    Raises:
        UserError: another process works there.
    """
    try:
        with _claim(folder):
            folder.failure.unlink(missing_ok=True)
            folder.pruned.unlink(missing_ok=True)
            yield
    finally:
        with suppress(OSError):  # it is not empty
            folder.path.rmdir()


def move_aside(folder: RunFolder) -> Path | None:
    """Rename a folder to the first free ``<name>~<n>``; nothing is deleted. None if there is no folder.

    Raises:
        UserError: another process works there.
    """
    if not folder.path.exists():
        return None
    number = 1
    while (aside := folder.path.with_name(f"{folder.path.name}~{number}")).exists():
        number += 1
    with _claim(folder):
        folder.path.rename(aside)
        (aside / folder.lease.name).unlink()
    return aside
