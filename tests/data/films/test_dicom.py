"""DICOM films, written by pydicom: what is shown, what is refused, and what is never read."""

import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless

from cxr_xai.data.films import dicom
from cxr_xai.data.films.bad import BadFilm
from cxr_xai.data.films.dicom import apply_window, decode_dicom, is_dicom

STORED = np.arange(16, dtype=np.uint16).reshape(4, 4) * 100  # 0 to 1500
LARGEST = 10_000


def write_dicom(stored: np.ndarray = STORED, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """Return a file as pydicom writes it; an element given as None is left out."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    data.PatientName, data.PatientID, data.PatientBirthDate = "Doe^Jane", "1234", "19500101"
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    data.Rows, data.Columns = stored.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = stored.dtype.itemsize * 8
    data.BitsStored, data.HighBit = data.BitsAllocated, data.BitsAllocated - 1
    data.PixelRepresentation = int(stored.dtype.kind == "i")
    data.PixelData = stored.tobytes()
    for name, value in elements.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    if syntax == RLELossless:
        data.compress(RLELossless)
    file = BytesIO()
    dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()


def lut(first: int, values: list[int], bits: int) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(values), first, bits])
    item.add_new("LUTData", "US", values)
    return item


def test_the_range_of_the_film_becomes_the_range_of_gray() -> None:
    pixels, mode, _ = decode_dicom(write_dicom(), LARGEST)
    assert mode == "DICOM"
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.arange(16).reshape(4, 4) * 17)


def test_monochrome1_is_turned() -> None:
    pixels, *_ = decode_dicom(write_dicom(PhotometricInterpretation="MONOCHROME1"), LARGEST)
    np.testing.assert_array_equal(pixels, 255 - np.arange(16).reshape(4, 4) * 17)


def test_padding_is_black_and_outside_the_range() -> None:
    stored = STORED.copy()
    stored[0, 0] = 60_000
    for kind in ("MONOCHROME1", "MONOCHROME2"):
        raw = write_dicom(stored, PixelPaddingValue=60_000, PhotometricInterpretation=kind)
        pixels, *_ = decode_dicom(raw, LARGEST)
        assert pixels[0, 0] == 0
        assert sorted([int(pixels[0, 1]), int(pixels[3, 3])]) == [0, 255]


def test_rescale_comes_before_the_window() -> None:
    # 2 × stored − 1000: the window from 0 to 1000 holds the stored values 500 to 1000.
    raw = write_dicom(
        RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=500, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT"
    )
    pixels, *_ = decode_dicom(raw, LARGEST)
    expected = np.clip((2.0 * STORED - 1000) / 1000, 0, 1)
    np.testing.assert_array_equal(pixels, np.floor(expected * 255 + 0.5).astype(np.uint8))


def test_signed_values_and_the_first_of_several_windows() -> None:
    stored = (STORED.astype(np.int16) - 800).astype(np.int16)
    raw = write_dicom(stored, WindowCenter=[0, 99], WindowWidth=[401, 7])
    pixels, *_ = decode_dicom(raw, LARGEST)
    np.testing.assert_array_equal(pixels, np.floor(np.clip((stored + 0.5) / 400 + 0.5, 0, 1) * 255 + 0.5))


def test_a_voi_table_goes_before_a_window() -> None:
    raw = write_dicom(
        np.array([[0, 1], [2, 3]], np.uint8),
        VOILUTSequence=[lut(0, [0, 100, 150, 255], 8)],
        WindowCenter=1,
        WindowWidth=2,
    )
    pixels, *_ = decode_dicom(raw, LARGEST)
    assert pixels.tolist() == [[0, 100], [150, 255]]


def test_a_modality_table_is_applied() -> None:
    raw = write_dicom(np.array([[0, 1], [2, 3]], np.uint8), ModalityLUTSequence=[lut(0, [30, 20, 10, 0], 8)])
    pixels, *_ = decode_dicom(raw, LARGEST)
    assert pixels.tolist() == [[255, 170], [85, 0]]


def test_sigmoid_window_by_hand() -> None:
    shown = apply_window(np.array([10.0, 12.0]), center=10, width=8, shape="SIGMOID")
    np.testing.assert_allclose(shown, [0.5, 1 / (1 + np.exp(-1))])


def test_compressed_films_are_read() -> None:
    pixels, *_ = decode_dicom(write_dicom(syntax=RLELossless), LARGEST)
    np.testing.assert_array_equal(pixels, np.arange(16).reshape(4, 4) * 17)


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"PixelSpacing": [0.14, 0.15]}, (0.14, 0.15)),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, (0.2, 0.2)),
        ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.2, 0.2]}, (0.1, 0.1)),
        ({}, (np.nan, np.nan)),
    ],
)
def test_spacing_is_kept(elements: dict[str, Any], expected: tuple[float, float]) -> None:
    np.testing.assert_equal(decode_dicom(write_dicom(**elements), LARGEST)[2], expected)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"PhotometricInterpretation": None}, "no PhotometricInterpretation"),
        ({"Rows": None}, "no Rows"),
        ({"BitsStored": None}, "no BitsStored"),
        ({"PixelData": None}, "no PixelData"),
        ({"PhotometricInterpretation": "RGB"}, "RGB is not a gray film"),
        ({"NumberOfFrames": 3}, "3 frames"),
        ({"Rows": 200, "Columns": 200}, "too many pixels"),
        ({"Rows": 5}, "DICOM: "),
        ({"WindowCenter": 5, "WindowWidth": 0}, "width 0"),
        ({"WindowCenter": 5, "WindowWidth": -3}, "width -3"),
        ({"WindowCenter": 5, "WindowWidth": 9, "VOILUTFunction": "CUBIC"}, "CUBIC"),
        ({"RescaleSlope": -1, "RescaleIntercept": 0}, "rescale slope -1"),
        ({"PixelSpacing": [0, 1]}, "pixel spacing 0"),
        ({"PixelSpacing": [1]}, "DICOM: "),
    ],
)
def test_missing_and_hostile_elements_are_named(elements: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadFilm, match=reason):
        decode_dicom(write_dicom(**elements), LARGEST)


def test_nothing_but_padding_is_refused() -> None:
    with pytest.raises(BadFilm, match="nothing but padding"):
        decode_dicom(write_dicom(np.full((4, 4), 7, np.uint16), PixelPaddingValue=7), LARGEST)


def test_a_deflated_file_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_dicom(syntax=DeflatedExplicitVRLittleEndian)
    monkeypatch.setattr(zlib, "decompress", None)  # would fail with a TypeError, named in the reason
    with pytest.raises(BadFilm, match="deflated"):
        decode_dicom(raw, LARGEST)


@pytest.mark.parametrize("cut", [133, 200, 400, -1, -20])
def test_a_file_that_was_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(BadFilm, match="DICOM: "):
        decode_dicom(write_dicom()[:cut], LARGEST)


def test_noise_behind_the_marker_is_refused() -> None:
    noise = np.random.default_rng(0).bytes(500)
    raw = bytes(128) + b"DICM" + noise
    assert is_dicom(raw)
    with pytest.raises(BadFilm, match="DICOM: "):
        decode_dicom(raw, LARGEST)


def test_nothing_about_the_patient_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, seen = write_dicom(), []
    original = dicom.to_display

    def spy(data: Dataset) -> Any:
        seen.append(data)
        return original(data)

    monkeypatch.setattr(dicom, "to_display", spy)
    decode_dicom(raw, LARGEST)
    assert "PatientName" in dcmread(BytesIO(raw))
    assert not any(element.keyword.startswith("Patient") for element in seen[0])
