"""Are the libraries there, and young enough?"""

import sys
from importlib.metadata import PackageNotFoundError, version

from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok

NEEDED = {"torch": (2, 11), "lightning": (2, 6), "timm": (1, 0), "torchmetrics": (1, 0)}
"""Oldest versions that this project has been run with."""


def check(case: Case) -> Answer:
    """Compare versions; say for which CUDA torch was built, and what it finds."""
    found = {name: find_version(name) for name in NEEDED}
    if absent := [name for name, have in found.items() if have is None]:
        return broken(f"{', '.join(absent)} not installed", "pip install -e . in the environment that you start from.")
    old = [name for name, have in found.items() if have is not None and as_numbers(have) < NEEDED[name]]
    if old:
        least = ", ".join(f"{name} {'.'.join(map(str, NEEDED[name]))} (here {found[name]})" for name in old)
        return broken(f"too old: {least} needed", f"pip install -U {' '.join(old)}")
    import torch

    cuda = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA in this build"
    python = ".".join(map(str, sys.version_info[:3]))
    return ok(f"Python {python}, " + ", ".join(f"{name} {found[name]}" for name in NEEDED) + f"; {cuda}")


def find_version(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def as_numbers(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version.

    >>> as_numbers("2.15.0+cu130")
    (2, 15)
    """
    return tuple(int(part) for part in text.split(".")[:2])
