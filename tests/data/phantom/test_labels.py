"""Label sets, prevalences and persistence against the release's own numbers."""

from itertools import pairwise

import numpy as np
import pytest

from cxr_xai.data.phantom import PhantomSpec, PhantomStudy, draw_studies
from cxr_xai.data.phantom.labels import label_sets
from cxr_xai.findings import BOXED, FINDINGS

# Positives among the 112,120 images of Data_Entry_2017_v2020.csv, in the order of FINDINGS.
RELEASE = (11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302, 4667, 2303, 2516, 1686, 3385, 227)
DEMO = {"train_val_patients": 1010, "test_patients": 330}


@pytest.fixture(scope="module")
def nih() -> list[PhantomStudy]:
    return draw_studies(PhantomSpec(prevalence="nih", train_val_patients=1500, test_patients=1))


def test_table_keeps_the_marginals_of_the_release() -> None:
    sets, probs = label_sets()
    assert probs.sum() == pytest.approx(1.0)
    for finding, count in zip(FINDINGS, RELEASE, strict=True):
        share = sum(p for findings, p in zip(sets, probs, strict=True) if finding in findings)
        assert share == pytest.approx(count / 112_120, rel=0.3, abs=0.001)


def test_nih_prevalence(nih: list[PhantomStudy]) -> None:
    for finding, count in zip(FINDINGS, RELEASE, strict=True):
        share = np.mean([finding in s.findings for s in nih])
        assert share == pytest.approx(count / 112_120, rel=0.35, abs=0.006), finding
    assert np.mean([not s.findings for s in nih]) == pytest.approx(0.54, abs=0.03)


def test_ill_patients_are_filmed_at_the_bedside(nih: list[PhantomStudy]) -> None:
    def ap_share(finding: str | None) -> float:
        return float(np.mean([s.view == "AP" for s in nih if finding is None or finding in s.findings]))

    assert ap_share(None) == pytest.approx(0.40, abs=0.04)
    assert ap_share("Edema") > 0.75  # .88 in the release
    assert ap_share("Consolidation") > 0.55  # .67
    assert ap_share("Pleural_Thickening") < ap_share("Consolidation")  # .29


def test_findings_persist_in_part(nih: list[PhantomStudy]) -> None:
    by_date = sorted(nih, key=lambda s: (s.patient, s.follow_up))
    pairs = [(a, b) for a, b in pairwise(by_date) if a.patient == b.patient]
    again = np.mean(["Effusion" in b.findings for a, b in pairs if "Effusion" in a.findings])
    assert 0.35 < again < 0.65  # .49 in the release, .12 if it did not persist


def test_body_and_sex_stay_with_the_patient(nih: list[PhantomStudy]) -> None:
    for a, b in pairwise(nih):
        if a.patient == b.patient:
            assert (a.body, a.sex) == (b.body, b.sex)


def test_images_per_patient_and_ages(nih: list[PhantomStudy]) -> None:
    assert len(nih) / 1501 == pytest.approx(2.2, abs=0.1)
    ages = np.array([s.age for s in nih])
    assert ages.min() >= 1
    assert ages.max() <= 95
    assert ages.mean() == pytest.approx(46.6, abs=2.5)  # the release's mean


@pytest.mark.parametrize("seed", [0, 1])
def test_enriched_demo_has_enough_of_each(seed: int) -> None:
    studies = draw_studies(PhantomSpec(seed=seed, **DEMO))
    train, test = ([s for s in studies if s.part == part] for part in ("train_val", "test"))
    assert len(train) == pytest.approx(2200, abs=120)
    assert len(test) == pytest.approx(720, abs=70)
    for finding in FINDINGS:
        assert sum(finding in s.findings for s in test) >= 20, finding
        assert sum(finding in s.findings for s in train) >= 95, finding
    for finding in BOXED:
        assert sum(finding in s.boxed for s in test) >= 55, finding
