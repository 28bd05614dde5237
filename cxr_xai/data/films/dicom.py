"""DICOM films: stored values become what a radiologist would see, and nothing about the patient is read.

Source: DICOM PS3.3 C.7.6.3 (pixel description), C.11.1 (modality LUT, rescale) and C.11.2 (VOI LUT, window). Only the
elements in ``ELEMENTS``, modality and view position are parsed, so names, dates and identifiers never enter memory, let
alone another file.
"""

import math
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cxr_xai.data.films.bad import BadFilm

if TYPE_CHECKING:
    from pydicom import Dataset

ELEMENTS = (
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelData"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "PixelSpacing", "ImagerPixelSpacing"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
)
FRONTAL = ("", "PA", "AP")
RADIOGRAPHS = ("", "CR", "DX", "RG", "SC", "OT")
"""Modalities under which films are stored; the last two say nothing."""

DEFLATED = "1.2.840.10008.1.2.1.99"


def is_dicom(raw: bytes) -> bool:
    """True for a DICOM file with its preamble."""
    return raw[128:132] == b"DICM"


def decode_dicom(raw: bytes, most_pixels: int) -> tuple[npt.NDArray[np.uint8], str, tuple[float, float]]:
    """Decode a single-frame gray DICOM file.

    Returns:
        ``(H, W)`` uint8 as displayed, MONOCHROME1 turned so that the body is bright; ``DICOM``; millimeters between
        rows and between columns (``PixelSpacing``, else ``ImagerPixelSpacing`` at the detector, else NaN).

    Raises:
        BadFilm: an element is missing, contradicts another or makes no sense; the reason names it.
    """
    from pydicom import dcmread  # 0.3 s, only where there is a DICOM file

    try:
        if _transfer_syntax(raw) == DEFLATED:
            raise BadFilm("DICOM: deflated, so its size is unknown before it is unpacked")
        data = dcmread(BytesIO(raw), specific_tags=list(ELEMENTS))
        _require_plain(data, most_pixels)
        shown = to_display(data)
        return np.floor(shown * 255 + 0.5).astype(np.uint8), "DICOM", _spacing(data)
    except BadFilm:
        raise
    except Exception as error:  # a parser on hostile bytes may raise anything; the file is at fault, not the program
        raise BadFilm(f"DICOM: {' '.join(str(error).split())[:100] or type(error).__name__}") from error


def describe_view(path: Path) -> str:
    """Return what a header says against a frontal film (modality, view position), or an empty string; nothing else is
    read of it, and one that cannot be read says nothing."""
    from pydicom import dcmread

    try:
        data = dcmread(path, specific_tags=["Modality", "ViewPosition"], stop_before_pixels=True)
        modality, view = (str(data.get(name) or "").strip() for name in ("Modality", "ViewPosition"))
    except Exception:  # as above
        return ""
    words = [] if modality in RADIOGRAPHS else [f"DICOM modality {modality[:16]}"]
    words += [] if view in FRONTAL else [f"DICOM view {view[:16]}"]
    return "; ".join(words)


def to_display(data: "Dataset") -> npt.NDArray[np.float64]:
    """Return ``(H, W)`` in [0, 1], bright where the body absorbs: modality LUT or rescale, VOI LUT or window, polarity.

    Without a VOI LUT and a window, the darkest and brightest value (padding left out) become 0 and 1. Padding is black.
    """
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    stored = data.pixel_array
    values = np.asarray(apply_modality_lut(stored, data), np.float64)
    real = stored != data.get("PixelPaddingValue") if "PixelPaddingValue" in data else np.ones(stored.shape, bool)
    if not np.isfinite(values).all() or not real.any():
        raise BadFilm("DICOM: values that are not numbers, or nothing but padding")
    if data.get("VOILUTSequence"):
        table = apply_voi(np.rint(values).astype(np.int64), data).astype(np.float64)
        shown = table / (2 ** int(data.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    elif "WindowCenter" in data and "WindowWidth" in data:
        shape = str(data.get("VOILUTFunction") or "LINEAR")
        shown = apply_window(values, _first(data.WindowCenter), _first(data.WindowWidth), shape)
    else:
        low, high = values[real].min(), values[real].max()
        shown = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    if data.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    return np.where(real, shown, 0.0)


def apply_window(
    values: npt.NDArray[np.float64], center: float, width: float, shape: str = "LINEAR"
) -> npt.NDArray[np.float64]:
    """Map values to [0, 1] by a window; PS3.3 C.11.2.1.2 and C.11.2.1.3.

    >>> apply_window(np.array([0.0, 50.0, 100.0]), center=50.5, width=101.0).tolist()
    [0.0, 0.5, 1.0]

    Raises:
        BadFilm: the width or the function makes no sense.
    """
    if not (math.isfinite(center) and math.isfinite(width)) or width < 1 or (width == 1 and shape == "LINEAR"):
        raise BadFilm(f"DICOM: window center {center:g}, width {width:g}")
    if shape == "LINEAR":
        return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    if shape == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    if shape == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700))))
    raise BadFilm(f"DICOM: VOI LUT function {shape[:20]!r}")


def _transfer_syntax(raw: bytes) -> str:
    """Read the file's own header only: pydicom unpacks a deflated data set whole before it looks at anything in it."""
    from pydicom.filereader import read_dataset

    file = BytesIO(raw)
    file.seek(132)
    header = read_dataset(
        file, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, vr, length: tag >> 16 != 2
    )
    return str(header.get("TransferSyntaxUID", ""))


def _require_plain(data: "Dataset", most_pixels: int) -> None:
    """Refuse what is not one gray film of a sane size before its pixels are unpacked."""
    for name in ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation", "PhotometricInterpretation"):
        if data.get(name) is None:
            raise BadFilm(f"DICOM: no {name}")
    if "PixelData" not in data:
        raise BadFilm("DICOM: no PixelData")
    if int(data.Rows) * int(data.Columns) > most_pixels:
        raise BadFilm("too many pixels")
    if int(data.get("NumberOfFrames") or 1) != 1:
        raise BadFilm(f"DICOM: {data.NumberOfFrames} frames; a film has one")
    if int(data.get("SamplesPerPixel") or 1) != 1 or data.PhotometricInterpretation not in (
        "MONOCHROME1",
        "MONOCHROME2",
    ):
        raise BadFilm(f"DICOM: {data.PhotometricInterpretation} is not a gray film")
    slope, intercept = float(data.get("RescaleSlope") or 1), float(data.get("RescaleIntercept") or 0)
    if not (math.isfinite(slope) and math.isfinite(intercept)) or slope <= 0:
        raise BadFilm(f"DICOM: rescale slope {slope:g}, intercept {intercept:g}")


def _spacing(data: "Dataset") -> tuple[float, float]:
    value: Any = data.get("PixelSpacing") or data.get("ImagerPixelSpacing")
    if value is None:
        return math.nan, math.nan
    rows, columns = (float(entry) for entry in value)
    if not (0 < rows < math.inf and 0 < columns < math.inf):
        raise BadFilm(f"DICOM: pixel spacing {rows:g}, {columns:g}")
    return rows, columns


def _first(value: Any) -> float:
    """Several windows may be offered; the first is the default."""
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
