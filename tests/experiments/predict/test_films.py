"""What is odd about a film is what can really be told."""

import cv2
import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.audit.thumbnails import SIDE
from cxr_xai.experiments.predict.films import list_oddities, note_oddities, to_image

PLAIN = {"width": 1024, "height": 1024, "mode": "L", "view": ""}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"width": 2500, "height": 2048}, []),
        ({"width": 600, "height": 1024}, ["far from square"]),
        ({"width": 100, "height": 100}, ["smaller than the network's films"]),
        ({"mode": "RGB"}, ["stored as RGB"]),
        ({"mode": "DICOM", "view": "DICOM view LL"}, ["DICOM view LL"]),
    ],
)
def test_oddities(change: dict[str, object], expected: list[str]) -> None:
    assert list_oddities({**PLAIN, **change}, 224, False, "") == expected


def test_a_negative_among_many_is_found_and_a_film_that_the_run_has_met(phantoms: list[np.ndarray]) -> None:
    small = [cv2.resize(film, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for film in phantoms] * 4
    small[7] = 255 - small[7]
    rows = [
        {**PLAIN, "file": f"sub/{n}.png", "problem": "", "pixels": str(n), "thumbnail": film.tobytes()}
        for n, film in enumerate(small)
    ]
    found = note_oddities(pd.DataFrame(rows), 224, {"3.png": "train"})
    assert {row.file: row.notes for row in found.itertuples() if row.notes} == {
        "sub/7.png": "looks inverted",
        "sub/3.png": "by its name in the run's train",
    }
    few = note_oddities(pd.DataFrame(rows[:10]), 224, {})
    assert (few["notes"] == "").all(), "below 20 films nothing is concluded"


def test_films_are_what_training_sees() -> None:
    image = to_image([np.array([[0, 51], [255, 0]], np.uint8)])
    assert image.shape == (1, 1, 2, 2)
    assert image.dtype == np.float32
    assert image.ravel().tolist() == pytest.approx([0, 0.2, 1, 0])
