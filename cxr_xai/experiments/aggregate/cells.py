"""The run folders below one folder, and what each says it is: an arm, a fold, a seed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.sweep.record import read_if_there
from cxr_xai.files import read_json
from cxr_xai.report.results import read_choices

ASIDE = re.compile(r"~\d+$")
NEEDED = ("certificate", "summary", "split", "predictions")


@dataclass(frozen=True)
class Cell:
    """One complete run.

    Attributes:
        folder: where it lies.
        arm: its arm; empty until arms are named.
        seed: of the run.
        fold: the fold that it tests; None where its split has none.
        settings: its resolved configuration.
        choices: the chosen member of each group.
        certificate: what its numbers rest on.
        summary: its results.
    """

    folder: RunFolder
    arm: str
    seed: int
    fold: int | None
    settings: Mapping[str, Any]
    choices: Mapping[str, str]
    certificate: Mapping[str, Any]
    summary: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.path.name

    @property
    def split(self) -> Mapping[str, Any]:
        """Scheme, hash and sizes of the parts, from the certificate."""
        split: Mapping[str, Any] = self.certificate["split"]
        return split


@dataclass(frozen=True)
class Found:
    """What lies in a folder of runs.

    Attributes:
        cells: complete runs, by name.
        ignored: folders that were moved aside.
        plan: the contents of ``sweep.json``, empty without one.
    """

    cells: Sequence[Cell]
    ignored: Sequence[str]
    plan: Mapping[str, Any]


def find_cells(runs: Path) -> Found:
    """Read every run of a folder, or the one run that the folder is.

    Raises:
        UserError: there is none, or some are incomplete; the message names them.
    """
    if not runs.is_dir():
        raise UserError(f"runs={runs}: no such folder; it is outputs/<name>, where training puts its runs.")
    folders = [RunFolder(runs)] if _is_run(runs) else [RunFolder(path) for path in sorted(runs.iterdir())]
    begun = [folder for folder in folders if _is_run(folder.path)]
    ignored = [folder.path.name for folder in begun if ASIDE.search(folder.path.name)]
    begun = [folder for folder in begun if folder.path.name not in ignored]
    if not begun:
        raise UserError(f"runs={runs} holds no run folder; it is outputs/<name>, where training puts its runs.")
    plan = read_if_there(runs) or {}
    if "search" in plan:
        raise UserError(
            f"runs={runs} holds a search, whose trials were tried to find the best of them: no means or intervals; "
            "run the best from more seeds (search/search.json has the command) and aggregate those."
        )
    _require_complete(begun, runs, plan)
    return Found([read_cell(folder) for folder in begun], ignored, plan)


def _is_run(path: Path) -> bool:
    return RunFolder(path).config.is_file() or RunFolder(path).certificate.is_file()


def _require_complete(folders: Sequence[RunFolder], runs: Path, plan: Mapping[str, Any]) -> None:
    there = {folder.path.name for folder in folders}
    planned = [Path(str(cell["folder"])).name for cell in plan.get("cells", [])]
    reasons = {name: "not begun" for name in planned if name not in there}
    for folder in folders:
        absent = [getattr(folder, kind).name for kind in ("config", *NEEDED) if not getattr(folder, kind).is_file()]
        if absent:
            reasons[folder.path.name] = f"no {absent[0]}"
    if reasons:
        named = ", ".join(f"{name} ({why})" for name, why in sorted(reasons.items())[:5])
        more = f" and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        raise UserError(
            f"{len(reasons)} of {len(there | set(planned))} cells of {runs} are incomplete: {named}{more}; run their "
            "command again, and move runs that do not belong here elsewhere."
        )


@contextmanager
def whole_or_refused(path: Path) -> Iterator[None]:
    """Say which file is damaged where reading it fails.

    Raises:
        UserError: the file was cut short, or is not what its name says.
    """
    try:
        yield
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())[:80]
        raise UserError(f"{path} is damaged ({why}); move its folder elsewhere and run its command again.") from error


def read_cell(folder: RunFolder) -> Cell:
    """Read one complete run; its arm is the key ``arm`` of its configuration, if it has one.

    Raises:
        UserError: a file is damaged.
    """
    with whole_or_refused(folder.summary):
        summary = folder.read_summary()
    with whole_or_refused(folder.certificate):
        certificate = read_json(folder.certificate)
        fold, seed = certificate["split"]["about"].get("fold"), int(certificate["seed"])
    with whole_or_refused(folder.config):
        settings = yaml.safe_load(folder.config.read_text())
        arm = str(settings.get("arm") or "")
    choices = read_choices(folder.config)
    return Cell(folder, arm, seed, None if fold is None else int(fold), settings, choices, certificate, summary)


def rename(cell: Cell, arm: str) -> Cell:
    """Return the cell under another arm."""
    return replace(cell, arm=arm)
