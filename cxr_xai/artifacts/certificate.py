"""What a run's numbers rest on: code, versions, seeds, data, split, uses of boxes."""

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import cxr_xai
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.files import hash_file

LIBRARIES = ("torch", "torchvision", "lightning", "timm", "torchmetrics", "numpy", "pandas", "scikit-learn", "scipy")
SHOWING = (
    *("report/", "visualization/", "loggers/"),
    *("experiments/terminal.py", "experiments/benchmarks/", "experiments/sweep/", "experiments/plugins/"),
    *("experiments/aggregate/", "experiments/explain/", "experiments/export/", "experiments/predict/"),
    *("experiments/verify.py", "experiments/verification/"),
)
"""Places that show or check results or start runs, and cannot change them: editing a template invalidates no run."""


def hash_code() -> str:
    """Return the SHA-256 over the package's source files, names included, places that only show left out."""
    root = Path(cxr_xai.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if not place.startswith(SHOWING):
            digest.update(place.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def describe_code() -> dict[str, Any]:
    """Return the code's hash, version, and where there is a git checkout its commit and whether it was changed."""
    root = Path(cxr_xai.__file__).parent
    code: dict[str, Any] = {"version": cxr_xai.__version__, "sha256": hash_code()}
    for key, arguments in {
        "commit": ["rev-parse", "HEAD"],
        "changes": ["status", "--porcelain", "--", "cxr_xai", "conf"],
    }.items():
        try:
            done = subprocess.run(
                ["git", "-C", str(root.parent), *arguments], capture_output=True, text=True, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return code
        if done.returncode == 0:
            code[key] = done.stdout.strip() if key == "commit" else len(done.stdout.splitlines())
    return code


def describe_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that numbers depend on."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in LIBRARIES}}


def hash_files(folder: RunFolder) -> dict[str, str]:
    """Return the SHA-256 of every file that a run's numbers were made of or from: place in the folder → hash.

    The certificate is not among them, for it takes in plans later; nor is the last checkpoint, from which no number is.
    """
    paths = [folder.config, folder.split, folder.quarantine, folder.metrics, folder.predictions, folder.localization]
    paths += [folder.reliance, folder.best, folder.calibration, folder.pareto]
    paths += [*sorted((folder.path / "explanations").glob("*/*.npz"))]
    return {path.relative_to(folder.path).as_posix(): hash_file(path) for path in paths if path.is_file()}
