"""Small copies of other sources in the layout in which they are published: DICOM by pydicom, JPEG and PNG by Pillow."""

import json
import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pycocotools import mask as coco
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

Pixels = npt.NDArray[np.uint8]

VINDR_CLASSES = (
    *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture", "Consolidation"),
    *("Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst"),
    *("Mediastinal shift", "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax"),
    *("Pulmonary fibrosis", "Rib fracture", "Other lesion", "COPD", "Lung tumor", "Pneumonia", "Tuberculosis"),
    *("Other diseases", "No finding"),
)
CHEXPERT_CLASSES = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"),
    *("Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other"),
    *("Fracture", "Support Devices"),
)
TASKS = (
    *("Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Lesion", "Airspace Opacity", "Edema", "Consolidation"),
    *("Atelectasis", "Pneumothorax", "Pleural Effusion", "Support Devices"),
)
Box = tuple[str, float, float, float, float]


def film(seed: int, height: int = 96, width: int = 80) -> Pixels:
    """A film like no other: a slope with noise."""
    slope = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 60, width))
    return (slope + np.random.default_rng(seed).integers(0, 60, (height, width))).astype(np.uint8)


def write_dicom(path: Path, pixels: Pixels, **elements: Any) -> None:
    """Write a film as a detector would, 12 bits in 16, with a name that nobody may read."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", f"1.2.{abs(hash(path.stem))}"
    data.PatientName, data.PatientID = "Doe^Jane", path.stem[:64]
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.WindowCenter, data.WindowWidth = 2048, 4096  # all that 12 bits hold, so that gray levels come back
    with warnings.catch_warnings():  # of ages without a unit, as they are published
        warnings.simplefilter("ignore")
        for name, value in elements.items():
            setattr(data, name, value)
    stored = pixels.astype(np.uint16) * 16
    data.PixelData = (4095 - stored if data.PhotometricInterpretation == "MONOCHROME1" else stored).tobytes()
    file = BytesIO()
    dcmwrite(file, data, enforce_file_format=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(header), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def write_vindr(
    root: Path,
    train: Mapping[str, Sequence[tuple[str, Sequence[Box], Sequence[str]]]],
    test: Mapping[str, tuple[Sequence[Box], Sequence[str]]],
    films: Mapping[str, Pixels] | None = None,
) -> None:
    """Write the tables, and a film for every image unless ``films`` names those that are there.

    Args:
        root: the folder.
        train: image → of each reader: name, boxes in pixels ``(class, x0, y0, x1, y1)``, classes without a box.
        test: image → boxes and classes of the consensus.
        films: image → pixels.
    """
    rows: dict[str, list[Any]] = {"labels_train": [], "boxes_train": [], "labels_test": [], "boxes_test": []}
    for image, readers in train.items():
        for reader, boxes, plain in readers:
            said = {box[0] for box in boxes} | set(plain)
            rows["labels_train"].append([image, reader, *(int(name in said) for name in VINDR_CLASSES)])
            rows["boxes_train"] += [[image, reader, *box] for box in boxes]
            rows["boxes_train"] += [[image, reader, name, None, None, None, None] for name in plain]
    for image, (boxes, plain) in test.items():
        said = {box[0] for box in boxes} | set(plain)
        rows["labels_test"].append([image, *(int(name in said) for name in VINDR_CLASSES)])
        rows["boxes_test"] += [[image, *box] for box in boxes] + [[image, name, *[None] * 4] for name in plain]
    edges, spelled = ["class_name", "x_min", "y_min", "x_max", "y_max"], ["Other disease", "No finding"]
    folder = root / "annotations"
    write_rows(folder / "image_labels_train.csv", ["image_id", "rad_id", *VINDR_CLASSES], rows["labels_train"])
    write_rows(folder / "annotations_train.csv", ["image_id", "rad_id", *edges], rows["boxes_train"])
    write_rows(folder / "image_labels_test.csv", ["image_id", *VINDR_CLASSES[:-2], *spelled], rows["labels_test"])
    write_rows(folder / "annotations_test.csv", ["image_id", *edges], rows["boxes_test"])
    shown = {image: film(n) for n, image in enumerate([*train, *test])} if films is None else films
    for n, (image, pixels) in enumerate(shown.items()):
        part, kind = ("train" if image in train else "test"), ("MONOCHROME1" if n % 2 else "MONOCHROME2")
        about = {"PatientAge": f"{40 + n:03d}Y", "PatientSex": "MF"[n % 2]} if n % 3 else {"PatientAge": "000Y"}
        write_dicom(root / part / f"{image}.dicom", pixels, PhotometricInterpretation=kind, **about)


def write_rsna(
    root: Path,
    boxes: Mapping[str, Sequence[tuple[float, float, float, float]]],
    mapping: Mapping[str, str] | None = None,
    films: Mapping[str, Pixels] | None = None,
) -> None:
    """Write both tables, the films, and the mapping if there is one.

    Args:
        root: the folder.
        boxes: film → its boxes ``(x, y, width, height)`` of 1024; none where it has no opacity.
        mapping: film → image name of NIH.
        films: film → pixels.
    """
    rows, classes = [], []
    for n, (name, found) in enumerate(boxes.items()):
        rows += [[name, *box, 1] for box in found] or [[name, None, None, None, None, 0]]
        other = ("Normal", "No Lung Opacity / Not Normal")[n % 2]
        classes += [[name, "Lung Opacity" if found else other]] * max(len(found), 1)
    write_rows(root / "stage_2_train_labels.csv", ["patientId", "x", "y", "width", "height", "Target"], rows)
    write_rows(root / "stage_2_detailed_class_info.csv", ["patientId", "class"], classes)
    shown = {name: film(n, 64, 64) for n, name in enumerate(boxes)} if films is None else films
    for n, (name, pixels) in enumerate(shown.items()):
        about = {"PatientAge": str(50 + n), "PatientSex": "F", "ViewPosition": "AP"}
        write_dicom(root / "stage_2_train_images" / f"{name}.dcm", pixels, **about)
    if mapping is not None:
        pairs = [{"subset_img_id": film, "img_id": name, "SOPInstanceUID": "1.2"} for film, name in mapping.items()]
        (root / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(pairs))


def write_chexpert(
    root: Path,
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    masks: Mapping[str, Mapping[str, Pixels]] | None = None,
    films: Mapping[str, Pixels] | None = None,
    prefix: str = "CheXpert-v1.0-small",
) -> None:
    """Write the tables, the films and CheXlocalize's masks.

    Args:
        root: the folder that ``train/`` and ``train.csv`` lie in.
        parts: ``train``, ``valid``, ``test`` → ``patient00001/study1/view1_frontal.jpg`` → observations; others are
            blank.
        masks: film → observation → ``(H, W)``; all other tasks get an empty mask.
        films: film → pixels.
        prefix: of every path.
    """
    n = 0
    for part, said in parts.items():
        rows = []
        for place, labels in said.items():
            view = ["Frontal", "AP"] if "frontal" in place else ["Lateral", None]
            cells = [labels.get(name) for name in CHEXPERT_CLASSES]
            rows.append([f"{prefix}/{part}/{place}", ("Male", "Female", "Unknown")[n % 3], 30 * (n % 3), *view, *cells])
            path = root / part / place
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = film(n, 64, 72) if films is None else films.get(place)
            if pixels is not None:
                Image.fromarray(pixels).save(path, quality=95)
            n += 1
        about = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA"]
        write_rows(root / f"{part}.csv", [*about, *CHEXPERT_CLASSES], rows)
    for part, name in (("valid", "val"), ("test", "test")):
        mine = {place: found for place, found in (masks or {}).items() if place in parts.get(part, {})}
        if mine:
            table = {place.replace("/", "_").rpartition(".")[0]: encode(found) for place, found in mine.items()}
            (root / f"gt_segmentations_{name}.json").write_text(json.dumps(table))


def encode(masks: Mapping[str, Pixels]) -> dict[str, Any]:
    """Encode the masks of one film as CheXlocalize does, an empty one for every task without."""
    empty = np.zeros_like(next(iter(masks.values())))
    runs = {task: coco.encode(np.asfortranarray(masks.get(task, empty))) for task in TASKS}
    return {task: {"size": rle["size"], "counts": rle["counts"].decode()} for task, rle in runs.items()}
