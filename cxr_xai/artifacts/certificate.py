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
    *(f"experiments/{name}.py" for name in ("overview", "prepare", "shards", "terminal", "verify")),
    *(f"experiments/{name}/" for name in ("benchmarks", "doctor", "verification")),
    *(f"experiments/{name}/" for name in ("cluster", "plugins", "search", "sweep")),
    *(f"experiments/{name}/" for name in ("aggregate", "dashboard", "drains", "score", "statements", "subgroups")),
    *(f"experiments/{name}/" for name in ("explain", "export", "global_explanations")),
    *(f"experiments/{name}/" for name in ("leaderboard", "predict", "sanity")),
)
"""Places that show or check results, start runs or ask finished ones, and cannot change them: editing one invalidates
no run. Who keeps results of such a place for later names it to `hash_code`."""


def hash_code(*own: str) -> str:
    """Return the SHA-256 over the package's source files, names included, places that only show left out.

    Args:
        own: beginnings of places that count all the same: those that made what is kept under this hash.
    """
    root = Path(cxr_xai.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if not place.startswith(SHOWING) or place.startswith(own):
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
