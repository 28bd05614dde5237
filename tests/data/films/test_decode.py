"""Films of every kind come out alike; files that are no films are named, and cost nothing."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cxr_xai.data.films import decode
from cxr_xai.data.films.bad import BadFilm
from cxr_xai.data.films.decode import decode_film, shrink

EVERY_GRAY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def png_of_zeros(side: int) -> bytes:
    """A few hundred KB that claim ``side × side`` pixels, as a decompression bomb does."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "LA", "P"])
def test_every_gray_level_survives_in_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    image = Image.fromarray(EVERY_GRAY)
    (image.convert("RGBA").convert(kind) if kind == "LA" else image.convert(kind)).save(tmp_path / "film.png")
    film = decode_film((tmp_path / "film.png").read_bytes())
    assert film.pixels.dtype == np.uint8
    assert film.mode == kind
    np.testing.assert_array_equal(film.pixels, EVERY_GRAY)


def encode(pixels: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def test_transparency_is_ignored() -> None:
    film = decode_film(encode(np.dstack([EVERY_GRAY] * 3 + [EVERY_GRAY[::-1]])))
    np.testing.assert_array_equal(film.pixels, EVERY_GRAY)


def test_sixteen_bits_keep_the_upper_byte() -> None:
    film = decode_film(encode(EVERY_GRAY.astype(np.uint16) * 256 + 255))
    assert film.mode.startswith("I;16")
    np.testing.assert_array_equal(film.pixels, EVERY_GRAY)


@pytest.mark.parametrize("raw", [b"x", b"<html>not found</html>" * 50, bytes(5000), b"\x89PNG\r\n\x1a\n"])
def test_what_is_not_an_image_is_said(raw: bytes) -> None:
    with pytest.raises(BadFilm, match="not an image"):
        decode_film(raw)


def test_an_empty_file_is_said() -> None:
    with pytest.raises(BadFilm, match="empty file"):
        decode_film(b"")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_that_was_cut_off_is_said(suffix: str, share: float, capfd: pytest.CaptureFixture[str]) -> None:
    raw = encode(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8), suffix)
    with pytest.raises(BadFilm, match=r"truncated or corrupt|not an image"):
        decode_film(raw[: int(len(raw) * share)])
    assert capfd.readouterr().err == "", "the library stays quiet"


def test_a_flipped_byte_inside_a_png_is_found() -> None:
    raw = bytearray(encode(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)))
    raw[len(raw) // 2] ^= 0xFF
    with pytest.raises(BadFilm, match="truncated or corrupt"):
        decode_film(bytes(raw))


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_a_decompression_bomb_is_never_unpacked(monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(BadFilm, match="too many pixels"):
        decode_film(png_of_zeros(side))


def test_the_largest_film_is_still_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MOST_PIXELS", 256)
    assert decode_film(encode(EVERY_GRAY)).pixels.shape == (16, 16)
    with pytest.raises(BadFilm, match="too many pixels"):
        decode_film(encode(np.zeros((16, 17), np.uint8)))


def test_values_of_other_kinds_are_refused() -> None:
    with pytest.raises(BadFilm, match="neither 8 nor 16 bit"):
        decode_film(encode(np.zeros((4, 4), np.float32), ".tiff"))


def test_shrinking_averages_areas() -> None:
    film = np.kron([[10, 20], [30, 40]], np.array([[0, 2], [4, 2]])).astype(np.uint8)  # 2 × 2 cells of mean 2
    assert shrink(film, 2).tolist() == [[20, 40], [60, 80]]


def test_a_film_that_is_not_square_fills_the_square() -> None:
    film = np.zeros((8, 16), np.uint8)
    film[:, 8:] = 200
    assert shrink(film, 8).tolist() == [[0] * 4 + [200] * 4] * 8


def test_halving_first_hardly_differs_from_averaging_once() -> None:
    """Each halving rounds, half a gray level at most; edges that fall between pixels are spread a little further."""
    rows, columns = np.mgrid[:1024, :1024]
    film = (127 + 60 * np.sin(rows / 40) + 60 * np.cos(columns / 25)).astype(np.uint8)
    once = cv2.resize(film, (224, 224), interpolation=cv2.INTER_AREA).astype(int)
    difference = np.abs(shrink(film, 224).astype(int) - once)
    assert difference.max() <= 2
    assert difference.mean() < 0.5
