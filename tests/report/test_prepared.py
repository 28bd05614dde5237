"""The page about a prepared source."""

import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.prepared_folder import PreparedFolder
from cxr_xai.errors import UserError
from cxr_xai.files import write_csv, write_json
from cxr_xai.findings import FINDINGS
from cxr_xai.report.prepared import write_prepared_report

FILMS = pd.DataFrame(
    {
        "image_id": ["a.png", "b.png", "c.png", "d.png"],
        "patient_id": ["1", "1", "2", "3"],
        "part": ["train", "train", "test", ""],
        "reason": ["", "blank", "", ""],
        "notes": ["", "", "inverted", "RGBA"],
    }
)
PAIRS = pd.DataFrame(
    {
        "first": ["a.png"],
        "second": ["c.png"],
        "kind": ["near"],
        "bits": [7],
        "correlation": [0.9312],
        "patients": ["different"],
        "parts": ["different"],
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> PreparedFolder:
    folder, parts = PreparedFolder(tmp_path), ("train", "val", "test")
    shares = dict.fromkeys(FINDINGS, 0.1)
    data = {
        "source": "nih",
        "sha256": "ab" * 32,
        "counts": {"rows in the label file": 4},
        "quarantine": {"blank": 1},
        "positives": dict.fromkeys(FINDINGS, 3),
        "boxes": {},
    }
    split = {
        "scheme": "official",
        "sha256": "cd" * 32,
        "images": dict.fromkeys(parts, 1),
        "patients": dict.fromkeys(parts, 1),
        "prevalence": dict.fromkeys(parts, shares),
    }
    audit = {
        "films": 4,
        "bytes": 12_345_678,
        "sizes": {"8 x 8": 4},
        "modes": {"L": 3},
        "with_spacing": 0,
        "inverted": 1,
    }
    audit["pairs"] = [{"kind": "near", "patients": "different", "parts": "different", "pairs": 1}]
    write_json(
        folder.summary,
        {"schema_version": 1, "data": data, "split": split, "geometry": 0.01, "store": None, "audit": audit},
    )
    write_csv(folder.films, FILMS)
    write_csv(folder.duplicates, PAIRS)
    folder.pictures.mkdir()
    for image in ("a", "c"):
        cv2.imwrite(str(folder.pictures / f"{image}.png"), np.eye(16, dtype=np.uint8) * 200)
    return folder


def test_the_page(folder: PreparedFolder) -> None:
    page = write_prepared_report(folder).read_text()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("<main>")[1]))
    for words in ("b.png 1 train blank", "c.png test: inverted", "near, 7 of 255 bits, r = .931", "No store"):
        assert words in text
    assert "1 of them in two parts" in text
    assert page.count("data:image/webp") == 3  # one inverted, two of the pair; of the blank film there is no picture
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_names_from_files_are_escaped(folder: PreparedFolder) -> None:
    write_csv(folder.films, FILMS.assign(reason=["", "<script>alert(1)</script>", "", ""]))
    assert "<script>" not in write_prepared_report(folder).read_text()


def test_a_clean_copy(folder: PreparedFolder) -> None:
    write_csv(folder.films, FILMS.assign(reason="", notes=""))
    write_csv(folder.duplicates, PAIRS.iloc[:0])
    text = write_prepared_report(folder).read_text()
    assert "every film file that was found can be used" in text
    assert "a copy of fewer than 20 films" in text


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no prepared source"):
        write_prepared_report(PreparedFolder(tmp_path))
