"""The house: rooms import downwards only, and each heavy library has one door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cxr_xai"

FLOORS = {
    "findings": 0,
    "errors": 0,
    "files": 0,
    "signals": 0,
    "lease": 0,
    "types": 1,
    "heatmap": 1,
    "blur": 1,
    **dict.fromkeys(
        ("data", "models", "losses", "explainers", "metrics", "stats", "visualization", "artifacts", "loggers"), 2
    ),
    "finetune": 2,
    "guidance": 2,
    "training": 3,
    "callbacks": 3,
    "experiments": 4,
    "report": 4,
}
SAME_FLOOR = {("callbacks", "training"), ("experiments", "report")}
"""The joining floors may lean on a neighbor in one direction."""

DOORS = {
    "timm": ("models/",),
    "wandb": ("loggers/wandb",),
    "wandb_workspaces": ("loggers/wandb",),
    "submitit": ("experiments/cluster/submit.py", "experiments/cluster/task.py"),
    "hydra": ("experiments/build.py", "experiments/command.py", "experiments/plugins/"),
    "omegaconf": ("experiments/build.py", "experiments/command.py", "experiments/plugins/"),
    "pytorch_grad_cam": ("explainers/library_cam.py", "experiments/benchmarks/explain_faithfulness.py"),
    "scipy": ("stats/", "metrics/"),
    "sklearn": ("stats/", "metrics/", "data/balancing/"),
    "pydicom": ("data/films/dicom.py", "data/films/dicom_header.py"),
    "pycocotools": (),
    "PIL": ("data/films/decode.py", "data/phantom/"),
    "filelock": ("lease.py",),
    "jinja2": ("report/",),
    "matplotlib": ("visualization/", "report/"),
    "rich": ("experiments/",),
    "optuna": ("experiments/search/trials.py",),
    "sqlalchemy": ("experiments/search/trials.py",),
    "pydantic": ("experiments/build.py",),
    "skimage": ("explainers/superpixels.py",),
    "shap": ("experiments/benchmarks/explain_shap.py",),
    "captum": ("experiments/benchmarks/explain_perturbation.py",),
    "webdataset": ("data/shards/",),
    "onnx": ("experiments/export/onnx_file.py",),
    "onnxscript": ("experiments/export/onnx_file.py",),
    "onnxruntime": ("experiments/export/onnx_file.py",),
    "cv2": ("data/", "visualization/", "report/", "callbacks/consumers/panels.py", "experiments/benchmarks/"),
}
NOT_THERE = {"stats": ("torch", "lightning"), "findings": ("torch",), "errors": ("torch",)}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}

FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def room_of(path: Path) -> str:
    """Return the room (folder or top-level module) of a file."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        assert not list(imports(path))
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "cxr_xai" or len(parts) == 1:
            continue
        other = parts[1]
        if other != room:
            below = FLOORS[other] < FLOORS[room] or (room, other) in SAME_FLOOR
            assert below, f"{room} (floor {FLOORS[room]}) imports {other} (floor {FLOORS[other]})"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_libraries_come_through_their_door(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    libraries = {name.split(".")[0] for name in imports(path)}
    for library in libraries & DOORS.keys():
        assert place.startswith(DOORS[library]), f"{library} may be imported in {', '.join(DOORS[library])} only"
    assert not libraries & set(NOT_THERE.get(room_of(path), ())), "this room does without"


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms == FLOORS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_sizes(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300, "a module of over 300 lines wants to be two"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"


def test_no_drawer_for_everything() -> None:
    names = {part.removesuffix(".py") for path in FILES for part in path.relative_to(PACKAGE).parts}
    assert not names & FORBIDDEN_NAMES


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.name)
def test_scripts_are_short_and_light(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 30
    top = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in top}
    heavy = {"torch", "lightning", "timm", "pandas", "numpy", "wandb"}
    assert not {str(name).split(".")[0] for name in names} & heavy, (
        "heavy imports belong inside main: --help is instant"
    )


@pytest.mark.parametrize("path", sorted(ROOT.glob("conf/**/*.yaml")), ids=lambda path: str(path.relative_to(ROOT)))
def test_yaml_is_short(path: Path) -> None:
    limit = 50 if path.parent.name == "conf" else 30
    assert path.read_text().count("\n") <= limit
