"""What a person sees of one study."""

import numpy as np
import pytest

from cxr_xai.visualization.panel import (
    CAPTION_HEIGHT,
    PREDICTED_COLOR,
    TRUE_COLOR,
    TURBO,
    draw_box,
    draw_panel,
    overlay_heatmap,
    tile_panels,
)

FILM = np.full((64, 64), 100, np.uint8)
NO_BOXES = np.zeros((0, 4), np.float32)


def colored(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return (picture == color).all(-1)


def test_where_the_map_is_zero_the_film_is_untouched() -> None:
    heatmap = np.zeros((64, 64), np.float32)
    heatmap[10, 20] = 1
    picture = overlay_heatmap(FILM, heatmap)
    changed = (picture != 100).any(-1)
    assert changed.nonzero()[0].tolist() == [10]
    assert changed.nonzero()[1].tolist() == [20]


def test_blend_by_hand() -> None:
    heatmap = np.array([[1.0, 0.25]], np.float32)
    picture = overlay_heatmap(np.array([[100, 100]], np.uint8), heatmap, opacity=0.5)
    np.testing.assert_allclose(picture[0, 0], 50 + TURBO[255] / 2, atol=1)
    np.testing.assert_allclose(picture[0, 1], 75 + TURBO[63] / 4, atol=1)


def test_a_box_is_drawn_on_its_own_pixels() -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    draw_box(picture, np.array([2, 3, 8, 10], np.float32), TRUE_COLOR)
    rows, columns = picture.any(-1).nonzero()
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (2, 3, 7, 9)
    assert not picture[4:9, 3:7].any()


def test_a_dashed_box_has_gaps() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    draw_box(picture, np.array([4, 4, 36, 36], np.float32), PREDICTED_COLOR, dashed=True)
    line = picture[4, 4:36].any(-1)
    assert 0 < line.sum() < len(line)
    rows, columns = picture.any(-1).nonzero()
    assert min(rows.min(), columns.min()) == 4
    assert max(rows.max(), columns.max()) == 35


@pytest.mark.parametrize("dashed", [False, True])
def test_an_undefined_box_draws_nothing(dashed: bool) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    draw_box(picture, np.full(4, np.nan, np.float32), TRUE_COLOR, dashed)
    assert not picture.any()


def test_a_panel_has_film_left_and_map_right_with_boxes_scaled() -> None:
    heatmap = np.zeros((64, 64), np.float32)
    heatmap[32:48, 16:32] = 1
    boxes = np.array([[16, 32, 32, 48], [40, 8, 56, 16]], np.float32)
    picture = draw_panel(FILM, heatmap, boxes, np.array([16, 32, 40, 48], np.float32), "Mass p=0.50", side=128)
    assert picture.shape == (128 + CAPTION_HEIGHT, 2 * 128 + 2, 3)
    assert picture.dtype == np.uint8
    left, right = picture[:128, :128], picture[:128, 130:]
    for half in (left, right):
        assert colored(half, TRUE_COLOR)[16, 80:112].all()  # upper edge of the second box
    assert not colored(left, PREDICTED_COLOR).any()
    assert colored(right, PREDICTED_COLOR).any()
    assert (left[70, 40] == 100).all()
    assert (right[70, 40] != 100).any()
    assert (picture[128:] > 100).any()  # the caption


def test_a_dead_map_is_said_and_colors_nothing() -> None:
    picture = draw_panel(FILM, None, NO_BOXES, None, "Mass", side=128)
    left, right = picture[:128, :128], picture[:128, 130:]
    assert (left == 100).all()
    assert (right[:100] == 100).all()
    assert (right[100:] != 100).any()


def test_the_inputs_are_not_drawn_on() -> None:
    film, heatmap = FILM.copy(), np.ones((64, 64), np.float32)
    draw_panel(film, heatmap, np.array([[1, 1, 9, 9]], np.float32), None, "x", side=64)
    assert (film == 100).all()
    assert (heatmap == 1).all()


def test_tiles_stand_row_by_row() -> None:
    panels = [np.full((10, 20, 3), value, np.uint8) for value in (50, 100, 150)]
    sheet = tile_panels(panels, columns=2)
    assert sheet.shape == (24, 44, 3)
    assert sheet[0, 0, 0] == 50
    assert sheet[0, 24, 0] == 100
    assert sheet[14, 0, 0] == 150
    assert not sheet[14:, 24:].any()
