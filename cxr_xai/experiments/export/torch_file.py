"""The .pt2 file: ``torch.export``, read back by torch alone."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.errors import UserError
from cxr_xai.experiments.export.network import OUTPUTS, Answer, Program

SUFFIX = ".pt2"
METADATA = "metadata.json"


def write_torch(program: Any, record: dict[str, Any], path: Path) -> None:
    """Write a traced network with its metadata; the same network gives the same bytes.

    Args:
        program: of `trace`.
        record: plain types.
        path: of the file.
    """
    content = io.BytesIO()  # in memory, for a path would stand in the archive
    torch.export.save(program, content, extra_files={METADATA: json.dumps(record, sort_keys=True)})
    path.write_bytes(content.getbuffer())


def read_torch_record(path: Path) -> dict[str, Any]:
    """Read the metadata without opening the network.

    Raises:
        UserError: it is no such file, has no metadata of ours, or holds what opening would execute.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            require_plain(path, archive, names)
            (name,) = [name for name in names if name.endswith(f"/extra/{METADATA}")]
            record: dict[str, Any] = dict(json.loads(archive.read(name)))
            return record
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"checkpoint={path} is no network that scripts/export.py wrote (it lacks our metadata); export the run."
        ) from error


def require_plain(path: Path, archive: zipfile.ZipFile, names: list[str]) -> None:
    """Refuse pickles and compiled code: opening them would execute whatever they say.

    Raises:
        UserError: there is one.
    """
    configured = [name for name in names if name.endswith("_config.json")]
    if (
        any(b'"use_pickle":true' in archive.read(name).replace(b" ", b"") for name in configured)
        or any("/aotinductor/" in name or "/executorch/" in name for name in names)
        or not any("/models/" in name for name in names)
    ):
        raise UserError(f"checkpoint={path} holds pickled objects or compiled code, which are not opened; export anew.")


def open_torch(path: Path, device: torch.device) -> Program:
    """Open a network that `write_torch` wrote.

    Raises:
        UserError: this torch cannot read it.
    """
    read_torch_record(path)
    try:
        with path.open("rb") as file:
            program = torch.export.load(file)
    except Exception as error:  # there is no end to what a damaged or newer file can raise
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"checkpoint={path} cannot be opened by torch {torch.__version__}: {reason}") from error
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, str(device))
    module = program.module()

    def answer(image: npt.NDArray[np.float32]) -> Answer:
        with torch.no_grad():
            outputs = module(torch.from_numpy(image).to(device))
        return Answer(**{name: value.cpu().numpy() for name, value in zip(OUTPUTS, outputs, strict=True)})

    return answer
