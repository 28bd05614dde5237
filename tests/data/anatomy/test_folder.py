"""Masks that came with the data."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cxr_xai.data.anatomy.folder import FolderAnatomy
from cxr_xai.errors import UserError

LABELS = np.repeat(np.repeat(np.array([[0, 1], [7, 9]], np.uint8), 4, 0), 4, 1)


def test_labels_are_read_and_resized(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), LABELS)
    anatomy = FolderAnatomy(tmp_path)
    film = torch.zeros(1, 1, 4, 4)
    assert anatomy.regions(film, ["a.png"])[0].tolist() == [[0, 0, 1, 1]] * 2 + [[7, 7, 9, 9]] * 2
    assert anatomy.known(film, ["a.dcm", "b.png"]).tolist() == [True, False]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [(LABELS + np.uint8(3), "gray level 12"), (np.dstack([LABELS] * 3), "not an 8-bit gray"), (None, "is missing")],
)
def test_what_is_wrong_with_a_label_image_is_said(tmp_path: Path, pixels: np.ndarray | None, message: str) -> None:
    if pixels is not None:
        cv2.imwrite(str(tmp_path / "a.png"), pixels)
    with pytest.raises(UserError, match=message):
        FolderAnatomy(tmp_path).regions(torch.zeros(1, 1, 4, 4), ["a.png"])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="masks="):
        FolderAnatomy(tmp_path / "none")
