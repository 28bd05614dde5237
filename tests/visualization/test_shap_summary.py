"""The picture of all Shapley values."""

import cv2
import numpy as np

from cxr_xai.visualization.bars import Bar
from cxr_xai.visualization.beeswarm import Swarm
from cxr_xai.visualization.shap_summary import draw_shap_summary


def draw(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    swarms = [Swarm("heart", values.tolist(), present.tolist()), Swarm("outside", [0.0, np.nan], [1.0, np.nan])]
    picture = draw_shap_summary([Bar(0.5, 0.4, 0.7), Bar(0.1)], swarms, "title", "note", "φ")
    return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR_RGB)


def count_orange(picture: np.ndarray) -> int:
    red, green, blue = (picture[..., k].astype(int) for k in range(3))
    return int(((red > blue + 60) & (red > green + 30)).sum())


def test_bars_and_dots_are_drawn_and_labels_have_a_color() -> None:
    values = np.random.default_rng(0).standard_normal(4000)  # more than are drawn
    without, with_label = draw(values, np.zeros(4000)), draw(values, np.ones(4000))
    assert without.shape == with_label.shape
    assert without.shape[1] == 1650
    assert count_orange(with_label) > 10 * count_orange(without)
    assert draw(values[:0], values[:0]).shape == without.shape
