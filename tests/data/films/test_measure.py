"""One pass over a file: pixels and facts, or the reason why there are none."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr_xai.data.films.measure import measure_film, read_film
from cxr_xai.errors import UserError

NOISE = np.random.default_rng(0).integers(0, 256, (80, 100), np.uint8)


def test_facts_of_a_film(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    cv2.imwrite(str(path), NOISE)
    pixels, facts = measure_film(path, 16)
    assert pixels is not None
    assert (facts.file, facts.width, facts.height, facts.mode, facts.problem) == ("film.png", 100, 80, "L", "")
    assert facts.bytes == path.stat().st_size
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts.deviation == pytest.approx(pixels.std())


def test_the_same_pixels_in_another_file_are_recognized(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), NOISE)
    cv2.imwrite(str(tmp_path / "b.png"), cv2.cvtColor(NOISE, cv2.COLOR_GRAY2BGRA))
    one, other = (measure_film(tmp_path / name, 16)[1] for name in ("a.png", "b.png"))
    assert one.pixels == other.pixels
    assert one.sha256 != other.sha256


@pytest.mark.parametrize(
    ("pixels", "problem"),
    [(np.full((80, 80), 90, np.uint8), "blank"), (NOISE[:31], "too small"), (NOISE[:, :20], "too small")],
)
def test_films_that_show_nothing_are_unfit(tmp_path: Path, pixels: np.ndarray, problem: str) -> None:
    cv2.imwrite(str(tmp_path / "film.png"), pixels)
    found, facts = measure_film(tmp_path / "film.png", 16)
    assert found is None
    assert facts.problem == problem
    assert facts.width == pixels.shape[1]


def test_a_file_that_cannot_be_read_is_no_unfit_film(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.png cannot be read.*mend disk"):
        measure_film(tmp_path / "gone.png", 16)


def test_an_unfit_film_is_named(tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UserError, match=r"film\.png is unfit \(not an image\); replace"):
        read_film(tmp_path / "film.png", 16)
