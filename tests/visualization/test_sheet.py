"""Film and maps as a table of pictures."""

import numpy as np

from cxr_xai.visualization.panel import TRUE_COLOR
from cxr_xai.visualization.sheet import GAP, LINE, Cell, SheetRow, draw_sheet, fit, width_of

FILM = np.full((32, 32), 100, np.uint8)
NONE = np.zeros((0, 4), np.float32)


def test_one_column_for_the_film_and_one_for_each_map() -> None:
    heatmap = np.zeros((32, 32), np.float32)
    heatmap[:16] = 1
    row = SheetRow("Mass", "p .5", NONE, [Cell(heatmap, None, "a"), Cell(None, None, "b")])
    picture = draw_sheet(FILM, [row, row], ["one", "two"], side=64)
    assert picture.shape == (LINE + 2 * (64 + LINE), 3 * (64 + GAP) - GAP, 3)
    film, one, two = (picture[LINE : LINE + 64, n * (64 + GAP) : n * (64 + GAP) + 64] for n in range(3))
    assert (film == 100).all()
    assert (one[60] == 100).all(), "where a map is 0 the film stays"
    assert (one[4] != 100).any()
    assert (two[:40] == 100).all(), "a dead map leaves the film bare"
    assert (two[40:] != 100).any(), "and says so"


def test_boxes_are_drawn_on_every_tile() -> None:
    box = np.array([[8, 8, 24, 24]], np.float32)
    picture = draw_sheet(FILM, [SheetRow("Mass", "", box, [Cell(None, None, "")])], ["one"], side=64)
    for left in (0, 64 + GAP):
        assert tuple(picture[LINE + 16, left + 30]) == TRUE_COLOR


def test_long_names_are_cut_to_fit() -> None:
    assert fit("cam", 100) == "cam"
    assert width_of(fit("a_very_long_name_of_an_explainer", 80)) <= 80
