"""A small exported network, and a folder as people have them: subfolders, copies, DICOM, and what is no film."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from torch import nn

from cxr_xai.experiments.command import compose
from cxr_xai.experiments.export.films import draw_phantoms
from cxr_xai.experiments.export.network import trace
from cxr_xai.experiments.export.torch_file import write_torch
from cxr_xai.experiments.predict.network import Network, open_network
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.calibration.contract import Calibrator, Line
from cxr_xai.metrics.decision import Decision
from cxr_xai.metrics.thresholds.contract import Cut
from cxr_xai.models.backbones import Backbone
from cxr_xai.models.classifier import Classifier

SIZE = 64


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    trunk = nn.Sequential(nn.Conv2d(1, 6, 9, stride=8, padding=4), nn.ReLU())
    model = Classifier(Backbone(trunk, 1, 6, (0.5,), (0.25,))).eval()
    model.head.weight.data *= 4
    cuts = tuple(Cut("f1", 0.5) for _ in FINDINGS)
    decision = Decision(FINDINGS, Calibrator((Line(),) * len(FINDINGS)), cuts, 0)
    path = tmp_path_factory.mktemp("network") / "network.pt2"
    about = {
        "findings": list(FINDINGS),
        "image_size": SIZE,
        "run": "tiny",
        "views": "the plain film",
        "source": "phantom",
    }
    write_torch(trace(model, decision, SIZE), {**about, "thresholds": dict.fromkeys(FINDINGS, 0.5)}, path)
    return path


@pytest.fixture(scope="session")
def network(exported: Path) -> Network:
    return open_network(str(exported), "cpu")


@pytest.fixture(scope="session")
def phantoms() -> list[np.ndarray]:
    return draw_phantoms(SIZE)


def write_dicom(path: Path, pixels: np.ndarray, view: str) -> None:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.PatientName, data.PatientID = "Doe^Jane", "123-456"
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    data.WindowCenter, data.WindowWidth = 128, 256  # the whole range, as it is
    data.Modality, data.ViewPosition = "DX", view
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME1"
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelData = (255 - pixels).tobytes()
    dcmwrite(path, data, enforce_file_format=True)


@pytest.fixture
def folder(tmp_path: Path, phantoms: list[np.ndarray]) -> Path:
    """Six films in eight files, one of them DICOM without a suffix; a torn, a blank one; and a text."""
    place = tmp_path / "films"
    for name, number in {"a.png": 0, "sub/a.png": 1, "sub/b.jpg": 2, "c.png": 3, "z/copy of c.png": 3}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / name), phantoms[number])
    write_dicom(place / "IM0001", phantoms[0], "LL")
    cv2.imwrite(str(place / "blank.png"), np.full((SIZE, SIZE), 7, np.uint8))
    (place / "torn.png").write_bytes((place / "a.png").read_bytes()[:300])
    (place / "notes.txt").write_text("no film")
    return place


@pytest.fixture
def settings_for(exported: Path, folder: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """``settings_for("panels=0")``: as the script composes them."""

    def settings(*overrides: str) -> dict[str, Any]:
        given = [f"checkpoint={exported}", f"folder={folder}", f"output={tmp_path / 'out'}", "device=cpu"]
        return compose("predict", [*given, *overrides])[0]

    return settings
