"""Every place of experiments/ makes numbers of runs, or it shows; the hash of a run's code has the former alone."""

import ast
from pathlib import Path

import pytest

from cxr_xai.artifacts.certificate import SHOWING

PACKAGE = Path(__file__).parents[2] / "cxr_xai"

MAKING = {
    *("__init__", "assemble", "box_summary", "box_uses", "build", "cell", "certify", "charts", "check", "command"),
    *("conclude", "controls", "estimates", "evaluate", "explaining", "failures", "flags", "gallery", "guiding", "kin"),
    *("logits", "recording", "references", "reliance", "reopen", "require", "results", "resume", "run", "state"),
    *("studies", "summary", "weights"),
}
"""Folders and modules of experiments/ that make a run's numbers, or stand between them and whoever asks."""

ASKED_BY_RUNS = {
    "experiments/cluster/environment.py": "who started the processes",
    "experiments/terminal.py": "lines on the terminal",
    "experiments/verification/checks.py": "compares what was written",
    "experiments/verification/evidence.py": "reads what was written",
}
"""Showing places, pages and figures apart, that trainings and evaluations import, and what for."""

COMPARES = {"experiments/sweep/run.py", "experiments/verification/identity.py"}
"""Who compares the hash with that of runs, and keeps nothing under it."""


def test_every_place_of_experiments_makes_or_shows() -> None:
    places = {
        path.relative_to(PACKAGE).as_posix() + "/" * path.is_dir()
        for path in (PACKAGE / "experiments").iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py")))
    }
    shown = {place for place in SHOWING if place.startswith("experiments/")}
    assert shown <= places, "it is gone"
    assert {Path(place).stem for place in places - shown} == MAKING
    assert all((PACKAGE / place).is_dir() for place in SHOWING if "experiments" not in place)


def test_runs_ask_no_showing_place_but_pages_and_these() -> None:
    asked = {
        path.relative_to(PACKAGE).as_posix() for path in _reach("experiments/run.py", "experiments/evaluate/run.py")
    }
    shown = {place for place in asked if place.startswith(SHOWING)}
    assert {place for place in shown if place.startswith("experiments/")} == ASKED_BY_RUNS.keys()


def _callers() -> list[str]:
    folders = [PACKAGE / place for place in SHOWING if place.endswith("/")]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py")) if "hash_code(" in path.read_text()]
    return [path.relative_to(PACKAGE).as_posix() for path in files]


@pytest.mark.parametrize("place", sorted(set(_callers()) - COMPARES))
def test_who_keeps_results_under_the_hash_names_its_own_place(place: str) -> None:
    text = (PACKAGE / place).read_text()
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    mine = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "hash_code"]
    assert mine
    for call in mine:
        said = ast.literal_eval(call.args[0]) if isinstance(call.args[0], ast.Constant) else _own(place)[0]
        assert place.startswith(said)


def _own(place: str) -> tuple[str, ...]:
    from importlib import import_module

    own: tuple[str, ...] = import_module("cxr_xai." + place.removesuffix(".py").replace("/", ".")).OWN
    return own


def _reach(*places: str) -> set[Path]:
    """Return all modules that these import, directly or not."""
    seen: set[Path] = set()
    todo = [PACKAGE / place for place in places]
    while todo:
        path = todo.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cxr_xai"):
                names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
                todo += [PACKAGE.parent / f"{name.replace('.', '/')}.py" for name in names]
    return seen
