"""What several test files share: a small folder in the published layout, the real sample, the members of a family."""

import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

PROJECT = Path(__file__).parents[1]
GROUPS = ("finetune", "loss", "guidance", "balancing", "transform", "split", "explainer", "calibration", "threshold")
HEADER_2020 = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
ROWS_2020 = """\
00000001_000.png,Cardiomegaly,0,1,57,M,PA,2682,2749,0.143,0.143
00000001_001.png,Cardiomegaly|Emphysema,1,1,58,M,PA,2894,2729,0.143,0.143
00000002_000.png,No Finding,0,2,80,M,PA,2500,2048,0.171,0.171
00000003_000.png,Infiltration,0,3,74,F,AP,2500,2048,0.168,0.168
00000003_007.png,Infiltration|Mass|Nodule,5,3,75,F,PA,2500,2048,0.168,0.168
00000004_000.png,Effusion|Nodule,0,4,82,M,AP,2500,2048,0.168,0.168
00000005_000.png,Pneumonia|Infiltration,0,5,69,F,PA,2500,2048,0.168,0.168
00000005_001.png,Hernia,1,5,69,F,PA,2500,2048,0.168,0.168
00000006_000.png,No Finding,0,6,60,M,PA,2500,2048,0.168,0.168
00000007_000.png,Pleural_Thickening,0,7,411,M,AP,2500,2048,0.168,0.168"""
BOXES = """\
Image Index,Finding Label,Bbox [x,y,w,h],,,
00000004_000.png,Effusion,256.0,512.0,128.0,256.0
00000005_000.png,Infiltrate,0.0,0.0,1024.0,512.0
00000005_000.png,Pneumonia,225.084745762712,547.019216763771,86.7796610169491,79.1864406779661
00099999_000.png,Mass,1.0,2.0,3.0,4.0
"""
TEST_PATIENTS = ("4", "5")
PIXELS = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)  # 0 to 126
"""The first film of a small release; film ``n`` is brighter by ``n``, for no two patients have one film."""


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_interrupts() -> None:
    """As on a terminal; workers that share the suite begin with it ignored, and their processes would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def deterministic_only_while_asked_for() -> Iterator[None]:
    """A trainer turns deterministic algorithms on for the whole process."""
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[int]:
    """Notes each time that the compiler is asked; one that keeps what it is given, or the real one."""
    asked: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        asked.append(len(inputs))
        real = getattr(request, "param", "") == "inductor"
        code: Callable[..., Any] = torch._dynamo.lookup_backend("inductor")(graph, inputs) if real else graph.forward
        return code

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    return asked


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared beside the project")
    return folder


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """What the first film of a small release shows, as (64, 64) gray; film n is brighter by n."""
    return PIXELS


def write_release(root: Path, edition: str = "v2020", flat: bool = False) -> Path:
    """Ten studies of seven patients; the last has no film. One film of each kind that a release may hold."""
    rows = ROWS_2020.splitlines()
    if edition == "2017":  # a trailing comma, ages such as 057Y, and another row order
        split = [row.split(",") for row in reversed(rows)]
        rows = [",".join([*row[:4], f"{int(row[4]):03d}Y", *row[5:], ""]) for row in split]
    name, header = {
        "v2020": ("Data_Entry_2017_v2020.csv", HEADER_2020),
        "2017": ("Data_Entry_2017.csv", HEADER_2020 + ","),
    }[edition]
    images = sorted(row.split(",")[0] for row in rows)
    root.mkdir(parents=True)
    (root / name).write_text("\n".join([header, *rows]) + "\n")
    (root / "BBox_List_2017.csv").write_text(BOXES)
    test = [image for image in images if str(int(image[:8])) in TEST_PATIENTS]
    (root / "test_list.txt").write_text("\n".join(test))
    (root / "train_val_list.txt").write_text("\n".join(image for image in images if image not in test) + "\n")
    for number, image in enumerate(images[:-1]):
        folder = root / "images" if flat else root / f"images_{number % 2 + 1:03d}" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        write_film(folder / image, ("L", "RGBA", "RGB", "16", "LA", "P")[number % 6], PIXELS + np.uint8(number))
    return root


def write_film(path: Path, kind: str, pixels: np.ndarray) -> None:
    gray = Image.fromarray(pixels)
    if kind == "16":
        cv2.imwrite(str(path), pixels.astype(np.uint16) * 257)
    else:
        gray.convert("RGBA" if kind == "LA" else kind if kind != "P" else "L").convert(kind).save(path)


@pytest.fixture
def small_release(tmp_path: Path) -> Callable[..., Path]:
    """Write a small release: ``small_release(edition="2017", flat=True)``."""

    def write(name: str = "release", **options: Any) -> Path:
        return write_release(tmp_path / name, **options)

    return write


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``<group>_settings`` runs a test over all members of a group of ``conf/``: new members are tested by existing."""
    for group in GROUPS:
        if f"{group}_settings" in metafunc.fixturenames:
            files = sorted((PROJECT / "conf" / group).glob("*.yaml"))
            members = [yaml.safe_load(file.read_text().replace("${seed}", "0")) for file in files]
            metafunc.parametrize(f"{group}_settings", members, ids=[file.stem for file in files])
