"""The .onnx file: the only door to onnx and onnxruntime."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.errors import UserError
from cxr_xai.experiments.export.network import INPUT, OUTPUTS, Answer, Program

SUFFIX = ".onnx"
OPSET = 18
"""What torch writes without converting; onnxruntime reads it since 1.14 (2023)."""

METADATA = "cxr_xai"
"""Key among the model's own metadata."""


def require_libraries(names: tuple[str, ...]) -> None:
    """Refuse early what cannot be written or opened.

    Raises:
        UserError: names the library that is missing, and how to have it.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UserError(f"ONNX needs {name}: pip install 'cxr-xai[export]'.")


def write_onnx(program: Any, record: dict[str, Any], path: Path) -> None:
    """Write a traced network with its metadata and all weights as one file.

    Args:
        program: of `trace`.
        record: plain types.
        path: of the file.
    """
    made = torch.onnx.export(
        program,
        dynamo=True,
        input_names=[INPUT],
        output_names=list(OUTPUTS),
        opset_version=OPSET,
        external_data=False,
        verbose=False,
    )
    assert made is not None
    model: Any = made.model
    for node in model.graph.all_nodes():  # names of files and classes of this machine
        node.metadata_props.clear()
        node.doc_string = None
    made.rename_axes({model.graph.inputs[0].shape[0]: "batch"})
    model.metadata_props[METADATA] = json.dumps(record, sort_keys=True)
    made.save(path, external_data=False)


def open_session(path: Path, device: torch.device) -> Any:
    """Open a file with onnxruntime.

    Raises:
        UserError: it cannot be opened, or not on this device.
    """
    require_libraries(("onnxruntime",))
    import onnxruntime

    provider = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise UserError(f"device={device}: this onnxruntime has no {provider}; use device=cpu, or a .pt2 file.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors, which are raised as well
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # classes of its errors are not public
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"checkpoint={path} cannot be opened by onnxruntime: {reason}") from error


def read_onnx_record(path: Path, session: Any) -> dict[str, Any]:
    """Return the metadata of an open file.

    Raises:
        UserError: it has none of ours.
    """
    try:
        record: dict[str, Any] = dict(json.loads(session.get_modelmeta().custom_metadata_map[METADATA]))
        return record
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"checkpoint={path} is no network that scripts/export.py wrote (it lacks our metadata); export the run."
        ) from error


def answer_with(session: Any) -> Program:
    """Return the program of an open session."""

    def answer(image: npt.NDArray[np.float32]) -> Answer:
        return Answer(**dict(zip(OUTPUTS, session.run(list(OUTPUTS), {INPUT: image}), strict=True)))

    return answer
