"""What an exported network says of itself: where it is from, what goes in, what comes out, what it is not for."""

from collections.abc import Mapping
from typing import Any

import cxr_xai
from cxr_xai.artifacts.exported_folder import SCHEMA_VERSION
from cxr_xai.data.tta.contract import PLAIN
from cxr_xai.experiments.export.network import INPUT
from cxr_xai.experiments.reopen import Run, read_tta
from cxr_xai.files import hash_file, read_json
from cxr_xai.findings import FINDINGS

PREPARATION = (
    "gray film, bright where the body absorbs, nothing burnt in removed; 8 bit (the upper byte of 16); the whole film "
    "resized to the square, whatever its shape, by averaging over pixel areas; divided by 255; nothing else: the "
    "network normalizes by itself"
)
INTENDED = "For research, not for clinical use: studies of classification and of class activation maps on chest films."
LIMITS = (
    "It takes whatever it is given for a frontal chest film. Probabilities were calibrated and thresholds chosen on "
    "the validation part of its own source and may not hold elsewhere; labels were mined from reports. A map shows "
    "what moved this network, which need not be what a radiologist would look at. Nobody has cleared it as a device."
)


def describe_network(run: Run, kind: str, grid: tuple[int, int], versions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of an export, plain types.

    Args:
        run: whose network it is.
        kind: of the file, ``onnx`` or ``torch_export``.
        grid: rows and columns of the maps.
        versions: what the format adds: torch, opset.
    """
    decision, certificate = run.decision, read_json(run.folder.certificate)
    size, count = int(run.settings["datamodule"]["image_size"]), len(FINDINGS)
    return {
        "schema_version": SCHEMA_VERSION,
        "format": kind,
        "program": f"cxr_xai {cxr_xai.__version__}",
        **versions,
        "run": run.folder.path.resolve().name,
        "epoch": decision.epoch,
        "weights_sha256": run.weights,
        "calibration_sha256": hash_file(run.folder.calibration),
        "code_sha256": certificate["code"]["sha256"],
        "data_sha256": certificate["data"]["sha256"],
        "split_sha256": certificate["split"]["sha256"],
        "source": certificate["data"]["source"],
        "split": certificate["split"]["scheme"],
        "findings": list(FINDINGS),
        "image_size": size,
        "input": {"name": INPUT, "shape": ["batch", 1, size, size], "type": "float32", "range": [0, 1]},
        "preparation": PREPARATION,
        "outputs": describe_outputs(count, grid),
        "calibration": dict(zip(FINDINGS, (curve.rule for curve in decision.calibrator.curves), strict=True)),
        "thresholds": dict(zip(FINDINGS, (cut.at for cut in decision.cuts), strict=True)),
        "views": describe_views(run),
        "intended_use": INTENDED,
        "limits": LIMITS,
    }


def describe_outputs(count: int, grid: tuple[int, int]) -> dict[str, Any]:
    """Return name → shape and meaning of what comes out, in its order."""
    return {
        "logits": {"shape": ["batch", count], "is": "before the sigmoid"},
        "maps": {
            "shape": ["batch", count, *grid],
            "is": "exact class activation maps, raw and signed: each sums to its logit minus the bias of the head; to "
            "show one, divide what is positive by its maximum",
        },
        "probs": {"shape": ["batch", count], "is": "calibrated on the validation part"},
        "preds": {
            "shape": ["batch", count],
            "is": "whether probs reach thresholds, decided on the logits: comparing probs in single precision may "
            "differ where a threshold lies on a plateau of the curve",
        },
    }


def describe_views(run: Run) -> str:
    """Say which views of a film the network looks at, and how the run's own numbers differ."""
    label = read_tta(run.settings).label
    if label == PLAIN:
        return "the plain film, as in the run"
    return f"the plain film; the run's own numbers are of the {label}, and so are curves and thresholds"
