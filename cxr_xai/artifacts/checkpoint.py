"""Checkpoints on disk: whole or absent, weights and plain types only, and marked with the run they belong to."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

Identity = Mapping[str, str]
"""What a checkpoint belongs to: hashes of configuration and code, by name."""

OWNER = "run"
"""Where a checkpoint has its identity."""

AVERAGE = "ema"
"""Where a checkpoint to go on from has the averaged weights of a run that averages, by the names of ``state_dict``."""

DOS_FOLDER = 0x10
"""What marks a folder in an archive; torch has none, and would leave the memory of such a tensor as it is."""


class UnusableCheckpoint(Exception):
    """A file is no checkpoint of this run; the message says why, beginning with its name."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the file, waits for the disk, and only then takes its place.

    Args:
        identity: written into every file.
    """

    def __init__(self, identity: Identity) -> None:
        self.identity = dict(identity)

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a file.

        Args:
            checkpoint: plain types and tensors.
            path: of the file; what stands there is replaced.
            storage_options: a path that keeps what stands there, or None.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")  # one name, so that a kill leaves one file and not many
        try:
            with partial.open("wb") as file:
                torch.save({**checkpoint, OWNER: self.identity}, file)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            partial.unlink(missing_ok=True)  # on a full disk it would stand in the way of everything else
            raise
        if storage_options is not None and path.is_file():
            keep_as(path, Path(storage_options))
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name, too
        finally:
            os.close(folder)


def keep_as(path: Path, kept: Path) -> None:
    """Give a file a second name, in place of what stands there; its first name is never gone."""
    partial = kept.with_name(f".{kept.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        partial.hardlink_to(path)
    except OSError:  # a disk without links
        path.replace(kept)
        return
    partial.replace(kept)
    partial.unlink(missing_ok=True)  # two names of one file stay two


def read_checkpoint(
    path: Path, identity: Identity, weights: Mapping[str, Tensor] | None = None, device: str = "cpu"
) -> dict[str, Any]:
    """Read a checkpoint and make sure that it belongs to this run.

    Args:
        path: of the file.
        identity: what it must be marked with.
        weights: what its weights must agree with in names and shapes; None asks for nothing.
        device: where its tensors go.

    Raises:
        UnusableCheckpoint: torn, no checkpoint, of another run, or of another model.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            folders = [info for info in archive.infolist() if info.external_attr & DOS_FOLDER]
            if folders or archive.testzip() is not None:  # torch does not look at the checksums that it writes
                raise UnusableCheckpoint(f"{path.name} is torn")
        checkpoint = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise UnusableCheckpoint(f"{path.name} is missing") from error
    except UnusableCheckpoint:
        raise
    except Exception as error:  # a flipped bit may come up as anything, as a name that is no UTF-8 for one
        raise UnusableCheckpoint(f"{path.name} is torn, or no checkpoint") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise UnusableCheckpoint(f"{path.name} is no checkpoint")
    mark = checkpoint.get(OWNER)
    owner = mark if isinstance(mark, Mapping) else {}
    for what, value in identity.items():
        if owner.get(what) != value:
            raise UnusableCheckpoint(f"{path.name} was written with other {what}")
    if weights is not None:
        expected, found = ({k: v.shape for k, v in w.items()} for w in (weights, checkpoint["state_dict"]))
        if differing := [name for name in {**expected, **found} if expected.get(name) != found.get(name)]:
            raise UnusableCheckpoint(f"{path.name} holds another model ({differing[0]} differs)")
    return checkpoint
