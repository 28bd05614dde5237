from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.report.headline import Tile, make_tiles
from cxr_xai.report.page import render_page
from cxr_xai.report.results import Results, read_results

NONE = {"value": None, "low": None, "high": None}


@pytest.fixture
def results(make_run: Callable[..., RunFolder]) -> Results:
    return read_results(make_run(panels=False))


def tile(results: Results, label: str) -> Tile:
    return next(tile for tile in make_tiles(results) if tile.label.startswith(label))


def with_sealed(results: Results, **changes: Any) -> Results:
    both = results.summary["localization"]["exact_cam"]
    return replace(
        results,
        summary={**results.summary, "localization": {"exact_cam": {**both, "sealed": {**both["sealed"], **changes}}}},
    )


def test_there_are_six(results: Results) -> None:
    assert len(make_tiles(results)) == 6


def test_without_sealed_boxes_nothing_is_claimed(results: Results) -> None:
    bare = replace(results, summary={**results.summary, "localization": {}})
    assert tile(bare, "Skill") == Tile("Skill on sealed boxes", "–", ("no sealed boxes were scored",))


def test_too_few_boxes_give_the_mean_over_pairs_and_say_so(results: Results) -> None:
    keys = [key for key in results.summary["localization"]["exact_cam"]["sealed"]["macro"] if key != "over"]
    few = with_sealed(results, macro={"over": 0, **dict.fromkeys(keys, NONE)})
    assert tile(few, "Skill").value == "–"
    assert "no finding has 20 sealed boxes" in tile(few, "Skill").beside[0]
    assert tile(few, "IoU").beside[-1] == "mean over all 340 pairs"


def test_mostly_dead_maps_are_said_loudly(results: Results) -> None:
    micro = {**results.summary["localization"]["exact_cam"]["sealed"]["micro"], "dead": 310}
    assert "Most maps are dead:</strong> 310 of 340" in render_page(with_sealed(results, micro=micro))


def test_a_run_that_explained_nothing_says_so(results: Results) -> None:
    seconds = {"fit": 60.0, "explain": 0.0}
    silent = replace(results, summary={**results.summary, "explain_share": None, "seconds": seconds})
    assert tile(silent, "Time") == Tile("Time spent explaining", "–", ("nothing was explained",))
