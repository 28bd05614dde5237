"""Groups against each other: by hand, the planted ones found, random ones not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.drains.ranking import rank_drains
from cxr_xai.experiments.subgroups.compare import (
    MACRO,
    OTHERS,
    Attribute,
    add_p_values,
    compare_groups,
    make_attribute,
)
from cxr_xai.experiments.subgroups.correct import correct, flips_needed
from cxr_xai.experiments.subgroups.measures import METRICS, draw_folds, measured
from cxr_xai.experiments.subgroups.read import Judged
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.classification import auroc


def attribute_of(judged: Judged, labels: np.ndarray, reference: str | None = None) -> Attribute:
    return make_attribute(pd.Series(labels, index=judged.images, name="group"), reference)


def rows_of(judged: Judged, attribute: Attribute, metric: str, replicates: int = 100, flips: int = 400):
    folds = draw_folds(judged, METRICS[metric].of, replicates)
    one = compare_groups(attribute, judged, metric, folds)
    add_p_values(attribute, [one], flips)
    return [pd.DataFrame(rows).set_index("finding") for rows in (one.groups, one.gaps, one.largest)]


@pytest.fixture(scope="module")
def sex(judged: Judged) -> Attribute:
    return attribute_of(judged, np.where(judged.patients.astype(int) % 2 == 1, "F", "M"))


def test_two_groups_make_one_pair_and_more_are_held_against_all_others(judged: Judged) -> None:
    labels = np.resize(np.array(["5+", "0", "10-19", ""], object), len(judged.images))
    three = attribute_of(judged, labels)
    assert three.groups == ("0", "5+", "10-19")
    assert [(three.side(a), three.side(b)) for a, b in three.pairs] == [(g, OTHERS) for g in three.groups]
    masks = three.masks(three.labels)
    assert not masks[:, three.labels == ""].any()
    assert (masks[0] ^ masks[3])[three.labels != ""].all()
    against = attribute_of(judged, labels, reference="5+")
    assert [(against.side(a), against.side(b)) for a, b in against.pairs] == [("0", "5+"), ("10-19", "5+")]


def test_numbers_are_those_of_the_groups_alone(judged: Judged, sex: Attribute) -> None:
    groups, gaps, _ = rows_of(judged, sex, "auroc")
    women = sex.labels == "F"
    alone = auroc(judged.target[women], judged.scores["prob"][0][women])
    mine = groups[groups["group"] == "F"]
    np.testing.assert_allclose(mine.loc[list(FINDINGS), "value"], alone)
    assert mine.loc[MACRO, "value"] == pytest.approx(np.nanmean(alone))
    assert mine.loc[MACRO, "over"] == 8  # the other six are in no film
    assert gaps.loc[MACRO, "gap"] == pytest.approx(gaps.loc[MACRO, "first"] - gaps.loc[MACRO, "second"])
    assert gaps.loc[MACRO, "low"] <= gaps.loc[MACRO, "gap"] <= gaps.loc[MACRO, "high"]


def test_rates_by_hand(judged: Judged, sex: Attribute) -> None:
    women, k = sex.labels == "F", FINDINGS.index("Mass")
    y, pred, p = (of[women, k] for of in (judged.target, judged.scores["pred"][0], judged.scores["calibrated"][0]))
    wanted = {
        "fnr": 1 - pred[y == 1].mean(),
        "fpr": pred[y == 0].mean(),
        "citl": (p - y).mean(),
        "brier": ((p - y) ** 2).mean(),
    }
    for metric, value in wanted.items():
        assert rows_of(judged, sex, metric)[1].loc["Mass", "first"] == pytest.approx(value)


def test_worse_maps_of_women_are_found_and_their_classification_is_not_blamed(judged: Judged, sex: Attribute) -> None:
    groups, gaps, largest = rows_of(judged, sex, "iou")
    assert gaps.loc[MACRO, "gap"] == pytest.approx(-0.2 * 0.9, abs=0.06)  # dead maps count 0
    assert largest.loc[MACRO, "p"] < 0.01
    assert (largest.loc[MACRO, "lowest"], largest.loc[MACRO, "over"]) == ("F", 2)
    skills = rows_of(judged, sex, "skill")[0]
    own = groups[groups["group"] == "M"].loc["Atelectasis", "value"]
    assert skills[skills["group"] == "M"].loc["Atelectasis", "value"] == pytest.approx((own - 0.2) / 0.6)
    assert rows_of(judged, sex, "auroc")[2].loc[MACRO, "p"] > 0.05


def test_a_boxed_finding_beyond_the_release_has_its_own_column(judged: Judged, sex: Attribute) -> None:
    edema = judged.boxes[judged.boxes["finding"] == "Atelectasis"].assign(finding="Edema")
    more = replace(judged, boxes=pd.concat([judged.boxes, edema], ignore_index=True))
    groups, _, largest = rows_of(more, sex, "iou")
    assert groups.loc["Edema", "value"].tolist() == groups.loc["Atelectasis", "value"].tolist()
    assert largest.loc[MACRO, "over"] == 3


def test_a_gap_of_energy_that_is_one_of_size_is_none_of_skill(judged: Judged, sex: Attribute) -> None:
    """Boxes of women are half as large: energy, its prior and its ceiling are halved together."""
    woman, random = judged.boxes["patient_id"].astype(int) % 2 == 1, np.random.default_rng(3)
    share = np.where(woman, 0.1, 0.2)
    energy = share * (2 + 0.2 * random.normal(size=len(share)))
    boxes = judged.boxes.assign(energy=energy, prior_energy=share, ceiling_energy=4 * share)
    sized = replace(judged, boxes=boxes)
    assert rows_of(sized, sex, "energy")[2].loc[MACRO, "p"] < 0.01
    skill = rows_of(sized, sex, "energy_skill")[2].loc[MACRO]
    assert skill["p"] > 0.05
    assert skill["low_value"] == pytest.approx(1 / 3, abs=0.05)


def test_calibration_that_cancels_over_findings_is_told(judged: Judged, sex: Attribute) -> None:
    lean = np.where(sex.labels == "F", 0.2, 0.0)[:, None] * np.resize([1.0, -1.0], len(FINDINGS))
    bent = replace(judged, scores={"calibrated": [judged.scores["calibrated"][0] + lean]})
    _, gaps, largest = rows_of(bent, sex, "citl")
    row = largest.loc[MACRO]
    assert row["gap"] == pytest.approx(gaps.loc[list(FINDINGS[:8]), "gap"].abs().mean())
    assert row["gap"] == pytest.approx(row["high_value"] - row["low_value"])
    assert row["p"] < 0.01 < 0.05 < gaps.loc[MACRO, "p"]


def test_drains_and_subgroups_agree_where_only_positives_are_annotated(judged: Judged) -> None:
    """The layout of NEATX: drains of pneumothoraces alone."""
    k = FINDINGS.index("Pneumothorax")
    target, logit = judged.target[:, k], judged.scores["prob"][0][:, k]
    drain = np.where(target == 1, np.resize(["yes", "no"], len(target)), "")
    ranked = rank_drains(target, logit, drain, judged.patients, 100)["auroc"]
    groups = rows_of(judged, attribute_of(judged, drain.astype(object)), "auroc_positives")[0]
    mine = groups.loc["Pneumothorax"].set_index("group")["value"]
    assert mine["yes"] == pytest.approx(ranked["with"]["value"])
    assert mine["no"] == pytest.approx(ranked["without"]["value"])


def test_too_few_are_given_and_take_part_in_nothing(judged: Judged) -> None:
    labels = np.where(np.arange(len(judged.images)) < 40, "few", "many").astype(object)
    groups, gaps, largest = rows_of(judged, attribute_of(judged, labels), "auroc")
    few = groups[groups["group"] == "few"].loc["Mass"]
    assert np.isfinite(few["value"])
    assert not few["enough"]
    assert not gaps.loc["Mass", "enough"]
    assert np.isnan([gaps.loc["Mass", "p"], largest.loc["Mass", "p"], largest.loc["Mass", "gap"]]).all()
    assert largest.loc["Mass", "left_out"] == "few"
    assert largest.loc[MACRO, "over"] == 0


def test_unknown_labels_count_nowhere(judged: Judged, sex: Attribute) -> None:
    target = judged.target.copy()
    target[::2, FINDINGS.index("Mass")] = np.nan
    hidden = replace(judged, target=target)
    rest = np.arange(len(target)) % 2 == 1
    fewer = replace(
        judged, images=judged.images[rest], patients=judged.patients[rest], fold=judged.fold[rest],
        target=judged.target[rest], scores={key: [one[rest] for one in all_] for key, all_ in judged.scores.items()},
    )  # fmt: skip
    for metric in ("auroc", "fnr", "brier"):
        one = rows_of(hidden, sex, metric)[0]
        other = rows_of(fewer, attribute_of(fewer, sex.labels[rest]), metric)[0]
        assert one.loc["Mass", "value"].to_list() == pytest.approx(other.loc["Mass", "value"].to_list())


def test_folds_are_judged_by_themselves(judged: Judged, sex: Attribute) -> None:
    # the second fold's models are surer of everything; pooled, its negatives would stand above the first's positives
    fold = (judged.patients.astype(int) > 75).astype(np.int64)
    probs = np.where(fold[:, None] == 1, 1 + judged.scores["prob"][0], judged.scores["prob"][0])
    folds = replace(judged, fold=fold, scores={"prob": [probs], "pred": judged.scores["pred"]})
    value = rows_of(folds, sex, "auroc")[1].loc["Mass", "first"]
    k, women = FINDINGS.index("Mass"), sex.labels == "F"
    parts = [
        auroc(judged.target[rows][:, [k]], probs[rows][:, [k]])[0] for rows in (women & (fold == f) for f in (0, 1))
    ]
    assert value == pytest.approx(np.mean(parts))


def test_the_family_and_the_rest_are_corrected_apart() -> None:
    table = pd.DataFrame(
        [
            ("fnr", MACRO, 0.01),
            ("fpr", MACRO, 0.02),
            ("brier", MACRO, 0.02),
            ("fnr", "Mass", 0.03),
            ("fnr", "Edema", 0.5),
        ],
        columns=["metric", "finding", "p"],
    )
    found = correct(table, ["fnr", "fpr"])
    assert found["p_adjusted"].tolist() == pytest.approx([0.02, 0.02, 0.02, 0.06, 0.5])
    assert found["adjusted_by"].tolist() == ["holm", "holm", "bh", "bh", "bh"]
    assert flips_needed(5, ["fnr", "fpr"], 0.05) == 4000


@pytest.mark.slow
def test_a_family_of_random_groups_claims_something_in_one_case_of_twenty(judged: Judged) -> None:
    """Two random attributes, one by film in three groups, one by patient in two, and five metrics: ten tests."""
    claimed, simulations = 0, 300
    family = ["auroc", "fnr", "fpr", "citl", "skill"]
    for seed in range(simulations):
        random, tables = np.random.default_rng(seed), []
        by_patient = dict(zip(np.unique(judged.patients), random.permuted(np.resize([0, 1], 150)), strict=True))
        labelings = random.integers(0, 3, len(judged.images)), np.array([by_patient[p] for p in judged.patients])
        for number, labels in enumerate(labelings):
            attribute = replace(attribute_of(judged, labels.astype(str).astype(object)), name=str(number))
            folds = {of: draw_folds(judged, of, 2) for of in ("studies", "boxes")}
            found = [compare_groups(attribute, judged, metric, folds[METRICS[metric].of]) for metric in family]
            add_p_values(attribute, found, flips=flips_needed(2, family, 0.05))
            tables += [row for one in found for row in one.largest]
        table = correct(pd.DataFrame(tables), family)
        claimed += bool((table.loc[table["adjusted_by"] == "holm", "p_adjusted"] <= 0.05).any())
    print(claimed / simulations)
    assert claimed / simulations <= 0.09  # .05 with a standard error of .013


def test_what_is_measured_depends_on_what_is_there(judged: Judged) -> None:
    assert measured(judged) == list(METRICS)
    bare = replace(judged, boxes=judged.boxes[:0], scores={"prob": judged.scores["prob"]})
    assert measured(bare) == ["auroc", "auroc_positives"]
