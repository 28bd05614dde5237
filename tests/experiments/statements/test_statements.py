"""Statements on constructed maps with known effects; none where there is none."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.statements.agreement import judge_agreement
from cxr_xai.experiments.statements.focus import judge_focus
from cxr_xai.experiments.statements.location import judge_location
from cxr_xai.experiments.statements.separateness import compare_maps, judge_separateness
from cxr_xai.experiments.statements.statement import Statement, correct, side, words

N, K = 60, 3
PATIENTS = np.repeat([f"p{n:02d}" for n in range(N // 2)], 2)
STRATA = np.tile(np.arange(K), (N, 1))


def said(statement: Statement) -> str:
    """What is said of a statement that is tested alone."""
    return correct([statement])[0].found


def bumps(widths: np.ndarray) -> np.ndarray:
    """``(N, K)`` widths → ``(N, K, 9, 9)`` Gaussians in the middle."""
    x = np.arange(9) - 4.0
    square = x[:, None] ** 2 + x[None] ** 2
    return np.exp(-square / (2 * widths[..., None, None] ** 2))


def focus(of_trained: float, of_untrained: float, seed: int = 0) -> Statement:
    """Widths that shrink with the logit, as strongly as asked."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((N, K)) + 3 * np.arange(K)

    def maps(strength: float) -> np.ndarray:
        within = (logits - 3 * np.arange(K)) * strength + rng.standard_normal((N, K))
        return bumps(2 * np.exp(-0.2 * within))

    one = (maps(of_trained), logits)
    return judge_focus(one, (maps(of_untrained), logits) if of_untrained != of_trained else one, STRATA, PATIENTS, 200)


def test_planted_focus_is_found_beyond_the_untrained() -> None:
    found = focus(2.0, 0.0)
    assert found.effect["low"] > 0.4
    assert "are more focused" in said(found)
    assert found.p < 0.05


def test_the_other_way_round_is_said_too() -> None:
    found = focus(-2.0, 0.0)
    assert found.effect["high"] < -0.4
    assert "are less focused" in said(found)


def test_a_network_beside_itself_shows_nothing_beyond() -> None:
    found = focus(2.0, 2.0)
    assert found.effect["value"] == 0
    assert "adds nothing" in said(found)
    assert found.p == 1


def test_dead_maps_are_counted_and_left_out() -> None:
    rng = np.random.default_rng(0)
    maps, logits = bumps(1 + rng.random((N, K))), rng.standard_normal((N, K))
    maps[:5] = -1
    found = judge_focus((maps, logits), (maps, logits), STRATA, PATIENTS, 50)
    assert found.counts["dead, trained"] == 15
    dead = judge_focus((0 * maps, logits), (maps, logits), STRATA, PATIENTS, 50)
    assert dead.found.startswith("Not tested")


def location(shift: float, seed: int = 0) -> Statement:
    rng = np.random.default_rng(seed)
    present, strata = rng.random(N * 2) < 0.5, rng.integers(0, 3, N * 2)
    share = 0.4 + 0.1 * strata + shift * present + 0.05 * rng.standard_normal(N * 2)
    return judge_location(share, np.full(N * 2, 0.4), present, strata, np.repeat(PATIENTS, 2), 300)


def test_planted_places_are_found_and_none_otherwise() -> None:
    found = location(0.1)
    assert found.effect["value"] == pytest.approx(0.1, abs=0.04)
    assert said(found).startswith("True positives have more")
    assert said(location(-0.1)).startswith("False positives have more")
    assert sum(side(location(0.0, seed).effect) != 0 for seed in range(20)) <= 4  # about one in twenty


def test_places_without_both_kinds_are_not_tested() -> None:
    ones = np.ones(4)
    for present, strata in ((ones > 0, [0, 0, 0, 0]), (np.array([True, True, False, False]), [0, 0, 1, 1])):
        found = judge_location(ones, ones, present, np.array(strata), PATIENTS[:4], 20)
        assert found.found.startswith("Not tested")
        assert np.isnan(found.p)


def test_one_map_for_all_findings_of_a_film_is_not_separate() -> None:
    rng = np.random.default_rng(0)
    film = rng.standard_normal((N, 1, 6, 6))
    pred = np.ones((N, K), bool)
    same = judge_separateness(film + 0.1 * rng.standard_normal((N, K, 6, 6)), pred, PATIENTS, 100)
    assert same.effect["low"] > 0.8
    assert "hardly separate" in said(same)


def test_one_map_for_each_finding_is_separate() -> None:
    rng = np.random.default_rng(1)
    finding = np.linalg.qr(rng.standard_normal((36, K)))[0].T.reshape(1, K, 6, 6) * 6
    own = judge_separateness(finding + 0.3 * rng.standard_normal((N, K, 6, 6)), np.ones((N, K), bool), PATIENTS, 100)
    assert abs(own.effect["value"]) < 0.05
    assert own.rows["one finding, two films"]["value"] > 0.8


def test_independent_maps_show_nothing() -> None:
    maps = np.random.default_rng(2).standard_normal((N, K, 6, 6))
    assert side(judge_separateness(maps, np.ones((N, K), bool), PATIENTS, 200).effect) == 0


def test_similarities_by_hand() -> None:
    up, down = np.arange(4.0).reshape(2, 2), np.arange(4.0)[::-1].reshape(2, 2)
    maps = np.array([[up, up], [up, down]])
    values, who = compare_maps(maps, np.ones((2, 2), bool), np.array(["a", "b"]))
    # film a: alike; its first with b's second −1, its second with b's first 1; with its own finding in b: 1 and −1
    np.testing.assert_allclose(values[0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(values[1], [-1, 0, 0], atol=1e-12)
    assert who.tolist() == ["a", "b"]


def test_films_of_one_patient_are_no_partners() -> None:
    maps = np.random.default_rng(0).standard_normal((2, 2, 3, 3))
    values, _ = compare_maps(maps, np.ones((2, 2), bool), np.array(["a", "a"]))
    assert np.isnan(values[:, 1:]).all()
    found = judge_separateness(maps, np.ones((2, 2), bool), np.array(["a", "a"]), 20)
    assert found.found.startswith("Not tested")


def boxes(iou: np.ndarray, prior: np.ndarray) -> pd.DataFrame:
    ones = np.ones(len(iou))
    columns = {"iou": iou, "pointing": ones, "prior_iou": prior, "prior_pointing": ones, "dead": np.isnan(iou)}
    return pd.DataFrame({**columns, "patient_id": [f"p{n}" for n in range(len(iou))]})


def test_agreement_by_hand_and_beside_the_prior() -> None:
    iou = np.array([0.5] * 30 + [0.05] * 8 + [np.nan] * 2)
    found = judge_agreement(boxes(iou, np.full(40, 0.05)), 100)
    assert found.rows["agreement, all boxes"]["value"] == pytest.approx(0.75)
    assert found.effect["value"] == pytest.approx(0.75)
    assert found.counts["dead maps"] == 2
    assert "more often than" in said(found)
    assert "less often than" in said(judge_agreement(boxes(np.full(40, 0.05), iou), 100))
    equal = judge_agreement(boxes(iou[:38], iou[:38]), 100)
    assert equal.effect["value"] == 0
    assert "no more and no less" in said(equal)


def test_without_boxes_or_prior_it_is_said() -> None:
    assert judge_agreement(pd.DataFrame(), 10).found.startswith("Not tested")
    found = judge_agreement(boxes(np.full(5, 0.5), np.full(5, np.nan)), 10)
    assert "no finding has a prior" in found.found
    assert np.isnan(found.p)


def test_p_values_are_corrected_over_those_that_were_tested() -> None:
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
    told = correct([Statement("focus", "", "", nothing, p) for p in (0.01, 0.04, float("nan"))])
    assert [round(one.p_holm, 3) for one in told[:2]] == [0.02, 0.04]
    assert np.isnan(told[2].p_holm)


WAYS = {1: "More.", -1: "Less.", 0: "Neither."}


def test_a_direction_is_claimed_only_where_it_holds_after_the_correction() -> None:
    above, across = {"value": 0.2, "low": 0.1, "high": 0.3}, {"value": 0.2, "low": -0.1, "high": 0.5}
    below = {"value": -0.2, "low": -0.3, "high": -0.1}

    def sentence(effect: dict[str, float], p: float) -> str:
        rest = [Statement("place", "", "", across, 0.9, ways=WAYS) for _ in range(3)]
        return correct([Statement("focus", "", "", effect, p, ways=WAYS), *rest])[0].found

    assert sentence(above, 0.01) == "More."
    assert sentence(below, 0.01) == "Less."
    assert sentence(across, 0.001) == "Neither."
    weak = sentence(above, 0.02)  # .08 of four
    assert weak.startswith("Neither. Alone")
    assert "not after correction for four statements (p = .08)" in weak


def test_only_the_sentence_that_holds_is_written() -> None:
    told = correct([Statement("focus", "", "", {"value": 1.0, "low": 0.5, "high": 1.5}, 0.001, ways=WAYS)])[0].as_dict()
    assert told["found"] == "More."
    assert "ways" not in told


def test_numbers_in_words() -> None:
    assert words({"value": -0.1234, "low": float("nan"), "high": 1.0}) == "−.12 (– to 1.00)"
