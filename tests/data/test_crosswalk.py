"""No label is invented: a finding of ours is known only where a row of the table makes it so."""

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.data.crosswalk import TABLE, Crosswalk, read_pairs
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS, INDEX

RULES = {"vindr": ("by_name",), "rsna": ("challenge",), "chexpert": ("implied",), "majkowska": ()}


@st.composite
def labeled(draw: st.DrawFn) -> tuple[Crosswalk, pd.DataFrame]:
    source = draw(st.sampled_from(sorted(RULES)))
    walk = Crosswalk(source, draw(st.lists(st.sampled_from(RULES[source]))) if RULES[source] else [])
    columns = draw(st.lists(st.sampled_from(walk.classes), unique=True))
    rows = draw(st.integers(1, 3))
    said = [[draw(st.sampled_from([0.0, 1.0, np.nan])) for _ in columns] for _ in range(rows)]
    return walk, pd.DataFrame(said, columns=columns, dtype=float)


@settings(max_examples=25, deadline=None)
@given(labeled())
def test_every_label_has_its_reason(case: tuple[Crosswalk, pd.DataFrame]) -> None:
    walk, labels = case
    made = walk.translate(labels)
    for row, ours in np.ndindex(made.shape):
        value, said = made[row, ours], {name: labels[name].iloc[row] for name in labels}
        pairs = [pair for pair in walk.pairs if pair.ours == FINDINGS[ours]]
        equal = [p.theirs for p in pairs if p.relation == "same" or (p.rule and p.rule in walk.rules)]
        stated = said.get(equal[0], np.nan) if equal else np.nan
        if not np.isnan(stated):
            assert value == stated, "what is stated stands"
            continue
        absent = equal and any(p.relation == "wider" and said.get(p.theirs) == 0 for p in pairs)
        assert value == 0 if absent and "implied" in walk.rules else np.isnan(value)


@settings(max_examples=25, deadline=None)
@given(labeled(), st.data())
def test_knowing_less_never_says_more(case: tuple[Crosswalk, pd.DataFrame], data: st.DataObject) -> None:
    """But for ``implied``, which speaks where a film is said to be without the wider class and nothing else is said."""
    walk, labels = case
    if not len(labels.columns) or "implied" in walk.rules:
        return
    lost = labels.assign(**{data.draw(st.sampled_from(list(labels))): np.nan})
    before, after = walk.translate(labels), walk.translate(lost)
    known = ~np.isnan(after)
    assert (before[known] == after[known]).all()


def test_infiltration_consolidation_and_pneumonia_are_not_one_another() -> None:
    for source in RULES:
        walk = Crosswalk(source)
        labels = pd.DataFrame({"Consolidation": [1.0], "Infiltration": [1.0], "Lung Opacity": [1.0]})
        made = walk.translate(labels)[0]
        assert np.isnan(made[INDEX["Pneumonia"]]), source
        assert np.isnan(made[INDEX["Infiltration"]]), source
    assert Crosswalk("vindr", "by_name").translate(labels)[0][INDEX["Infiltration"]] == 1
    assert Crosswalk("rsna", "challenge").translate(labels)[0][INDEX["Pneumonia"]] == 1
    assert Crosswalk("rsna").silent == FINDINGS, "nothing there is the same"


def test_parents_say_nothing_of_a_child_that_may_be_absent() -> None:
    parent = pd.DataFrame({"Lung Opacity": [1.0, 0.0], "Enlarged Cardiomediastinum": [1.0, 0.0]})
    plain, implied = (Crosswalk("chexpert", rules).translate(parent) for rules in ("same", "implied"))
    assert np.isnan(plain).all()
    assert np.isnan(implied[0]).all(), "an opacity may be any of its children"
    assert implied[1][INDEX["Cardiomegaly"]] == implied[1][INDEX["Edema"]] == 0


def test_consolidation_and_pneumonia_imply_nothing_of_each_other() -> None:
    """Interstitial pneumonia is no consolidation, and a consolidation may be blood."""
    labels = pd.DataFrame({"Pneumonia": [1.0, 0.0, np.nan, np.nan], "Consolidation": [np.nan, np.nan, 1.0, 0.0]})
    made = Crosswalk("chexpert", "implied").translate(labels)[:, [INDEX["Pneumonia"], INDEX["Consolidation"]]]
    np.testing.assert_array_equal(made, labels.to_numpy(np.float32))


def test_a_finding_that_nothing_calls_present_is_never_called_absent() -> None:
    nothing = pd.DataFrame(0.0, index=[0], columns=Crosswalk("chexpert").classes)
    made = Crosswalk("chexpert", "implied").translate(nothing)
    one_sided = [INDEX[name] for name in ("Nodule", "Mass", "Infiltration", "Pleural_Thickening")]
    assert np.isnan(made[:, one_sided]).all()
    for source, rules in RULES.items():
        walk = Crosswalk(source, rules)
        assert walk.choices == rules, "no rule that adds nothing"
        everything = pd.DataFrame({name: [0.0, 1.0] for name in walk.classes})
        made = walk.translate(everything)
        np.testing.assert_array_equal((made == 0).any(axis=0), (made == 1).any(axis=0))


def test_what_follows_follows_from_what_was_said() -> None:
    """Where an uncertain opacity is taken as absent, and where an uncertain edema is left unknown."""
    said = pd.DataFrame({"Lung Opacity": [-1.0, np.nan, 0.0, 0.0], "Edema": [np.nan, np.nan, -1.0, np.nan]})
    labels = pd.DataFrame({"Lung Opacity": [0.0, 0.0, 0.0, 0.0], "Edema": [np.nan] * 4})
    made = Crosswalk("chexpert", "implied").translate(labels, said)[:, INDEX["Edema"]]
    np.testing.assert_array_equal(made, np.float32([np.nan, np.nan, np.nan, 0]))


def test_the_table_is_whole() -> None:
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["source"] for row in rows} == set(RULES)
    for row in rows:
        assert row["relation"] in ("same", "wider", "overlaps", "none"), row
        assert (row["ours"] == "") == (row["relation"] == "none")
        assert row["ours"] in (*FINDINGS, "")
        assert row["why"].count("http") == 1, "a source that can be read"
        assert not row["rule"] or row["relation"] == "overlaps", "what is the same or follows needs no rule"
    for source, rules in RULES.items():
        walk = Crosswalk(source, rules)
        pairs = [(pair.theirs, pair.ours) for pair in read_pairs(source)]
        assert len(set(pairs)) == len(pairs)
        equal = [p.ours for p in walk.pairs if p.relation == "same" or p.rule]
        assert len(set(equal)) == len(equal), "one class a finding, whatever the rules"


def test_a_rule_that_is_none() -> None:
    with pytest.raises(UserError, match=r"crosswalk=challenge: no such rule for vindr; choose among same, by_name\."):
        Crosswalk("vindr", ["challenge"])
