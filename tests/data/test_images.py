"""Films of every kind come out alike."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cxr_xai.data.images import read_image
from cxr_xai.errors import UserError

EVERY_GRAY = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "LA", "P"])
def test_every_gray_level_survives_in_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    image = Image.fromarray(EVERY_GRAY)
    (image.convert("RGBA").convert(kind) if kind == "LA" else image.convert(kind)).save(tmp_path / "film.png")
    pixels = read_image(tmp_path / "film.png", 16)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, EVERY_GRAY)


def test_transparency_is_ignored(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "film.png"), np.dstack([EVERY_GRAY] * 3 + [EVERY_GRAY[::-1]]))
    np.testing.assert_array_equal(read_image(tmp_path / "film.png", 16), EVERY_GRAY)


def test_sixteen_bits_keep_the_upper_byte(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "film.png"), EVERY_GRAY.astype(np.uint16) * 256 + 255)
    np.testing.assert_array_equal(read_image(tmp_path / "film.png", 16), EVERY_GRAY)


def test_shrinking_averages_areas(tmp_path: Path) -> None:
    film = np.kron([[10, 20], [30, 40]], np.array([[0, 2], [4, 2]])).astype(np.uint8)  # 2 × 2 cells of mean 2
    cv2.imwrite(str(tmp_path / "film.png"), film)
    assert read_image(tmp_path / "film.png", 2).tolist() == [[20, 40], [60, 80]]


def test_a_film_that_is_not_square_fills_the_square(tmp_path: Path) -> None:
    film = np.zeros((8, 16), np.uint8)
    film[:, 8:] = 200
    cv2.imwrite(str(tmp_path / "film.png"), film)
    assert read_image(tmp_path / "film.png", 8).tolist() == [[0] * 4 + [200] * 4] * 8


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UserError, match=r"film\.png cannot be decoded.*replace"):
        read_image(tmp_path / "film.png", 16)
