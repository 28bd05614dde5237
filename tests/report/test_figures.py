import math
import xml.etree.ElementTree as ElementTree

import pandas as pd

from cxr_xai.report.figures import draw_aurocs, draw_localization, left_end, read_line, skill_words
from cxr_xai.visualization.rows import Row

NONE = {"value": None, "low": None, "high": None}


def test_skill_is_a_difference_where_it_is_undefined() -> None:
    assert skill_words({"skill": {"value": 0.25}, "over_prior": 0.1}) == ".250"
    assert skill_words({"skill": NONE, "over_prior": -0.1}) == "–, Δ −.100"
    assert skill_words({"skill": NONE, "over_prior": None}) == "–"


def test_an_undefined_auroc_has_a_row_without_a_dot() -> None:
    entry = {"auroc": NONE}
    test = {"findings": {"Mass": entry}, "macro": {"auroc": {**NONE, "over": 0}}}
    figure = ElementTree.fromstring(draw_aurocs(test, beside_wang=False))
    assert [text.text for text in figure.iter("text")].count("–") == 2
    assert len(figure.findall(".//circle[@class='dot']")) == 1  # the legend's
    assert figure.find(".//circle[@class='other']") is None


def test_wang_is_drawn_on_request() -> None:
    test = {"findings": {"Mass": {"auroc": NONE}}, "macro": {"auroc": {**NONE, "over": 0}}}
    figure = ElementTree.fromstring(draw_aurocs(test, beside_wang=True))
    assert len(figure.findall(".//circle[@class='other']")) == 2  # the legend's and the one of Mass


def test_findings_without_boxes_have_no_row() -> None:
    scores = {
        "iou": {"value": 0.3, "low": 0.2, "high": 0.4},
        "prior_iou": {"value": 0.2},
        "ceiling_iou": {"value": 0.6},
    }
    rest = {"skill": {"value": 0.25}, "over_prior": 0.1, "in_macro": False}
    half = {
        "findings": {"Mass": {"pairs": 3, **scores, **rest}, "Nodule": {"pairs": 0, **scores, **rest}},
        "macro": {"over": 0},
    }
    words = [text.text for text in ElementTree.fromstring(draw_localization(half)).iter("text")]
    assert "Mass †" in words
    assert "skill .250" in words
    assert not any(str(word).startswith("Nodule") for word in words)


def test_the_scale_starts_below_everything() -> None:
    assert left_end([Row("a", other=0.62), Row("b", math.nan)], 0.7) == 0.6
    assert left_end([], 0.7) == 0.7


def test_a_curve_is_read_in_order() -> None:
    metrics = pd.DataFrame({"epoch": [1, 0, 0], "key": ["a", "a", "b"], "value": [0.2, 0.1, 9.0]})
    line = read_line(metrics, "name", "a")
    assert (list(line.x), list(line.y)) == ([0.0, 1.0], [0.1, 0.2])
