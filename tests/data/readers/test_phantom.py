"""The phantom is made on first use and then read like the release."""

from pathlib import Path

import numpy as np
import pytest

from cxr_xai.data.films.measure import read_film
from cxr_xai.data.readers.phantom import PhantomReader
from cxr_xai.errors import UserError

OPTIONS = {"train_val_patients": 6, "test_patients": 4, "film_size": 64, "seed": 3}


def test_made_once_and_read_again(tmp_path: Path) -> None:
    first = PhantomReader(**OPTIONS).read(tmp_path / "phantom")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "phantom").rglob("*")}
    again = PhantomReader(**OPTIONS).read(tmp_path / "phantom")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "phantom").rglob("*")} == written
    assert first.sources == again.sources
    assert first.name == "phantom"
    assert first.about == {"prevalence": "enriched", "shortcut_strength": 0.5}
    assert first.present.all()
    assert set(first.studies["official"]) == {"train_val", "test"}
    assert read_film(first.studies["path"][0], 64).dtype == np.uint8
    test_images = set(first.studies.loc[first.studies["official"] == "test", "image_id"])
    assert set(first.boxes["image_id"]) <= test_images


def test_another_phantom_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    PhantomReader(**OPTIONS).read(tmp_path / "phantom")
    with pytest.raises(UserError, match=r"is not this phantom .*: name another folder by datamodule\.root"):
        PhantomReader(**{**OPTIONS, "seed": 4}).read(tmp_path / "phantom")


def test_progress_is_told(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    index = PhantomReader(**OPTIONS, progress=lambda done, total: said.append((done, total))).read(tmp_path / "phantom")
    assert said[-1] == (len(index.studies), len(index.studies))
