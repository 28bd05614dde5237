"""The 14 names, their order and their spellings."""

import pytest

from cxr_xai.findings import ALIASES, BOXED, FINDINGS, INDEX, NO_FINDING, canonical


def test_fourteen_distinct_findings_of_which_the_first_eight_have_boxes() -> None:
    assert len(FINDINGS) == len(set(FINDINGS)) == 14
    boxed = "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumonia Pneumothorax"
    assert " ".join(BOXED) == boxed
    assert FINDINGS[:8] == BOXED


def test_no_finding_is_not_a_finding() -> None:
    assert NO_FINDING not in FINDINGS


def test_index_is_the_column() -> None:
    assert INDEX["Atelectasis"] == 0
    assert INDEX["Hernia"] == 13
    assert [FINDINGS[k] for k in INDEX.values()] == list(FINDINGS)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ("Infiltrate", "Infiltration"),
        (" Infiltrate\t", "Infiltration"),
        ("Mass ", "Mass"),
        ("Tumor", "Tumor"),
        ("", ""),
    ],
)
def test_canonical(found: str, name: str) -> None:
    assert canonical(found) == name


def test_aliases_lead_to_findings() -> None:
    assert set(ALIASES.values()) <= set(FINDINGS)
    assert not set(ALIASES) & set(FINDINGS)


@pytest.mark.parametrize("name", [*FINDINGS, *ALIASES])
def test_canonical_is_idempotent(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)
