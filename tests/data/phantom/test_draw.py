"""Drawing by lot: streams, numbering, boxes left out, planted shortcuts."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from cxr_xai.data.phantom import PhantomSpec, PhantomStudy, draw_studies, draw_study
from cxr_xai.findings import BOXED

SPEC = PhantomSpec(train_val_patients=30, test_patients=20)


def test_more_patients_leave_the_earlier_ones_alone() -> None:
    few, many = draw_studies(SPEC), draw_studies(PhantomSpec(train_val_patients=60, test_patients=50))
    assert set(map(repr, few)) <= set(map(repr, many))


def test_one_study_is_the_one_of_the_folder() -> None:
    study = draw_studies(SPEC)[7]
    assert draw_study(SPEC, study.patient, study.image) == study


def test_seeds_differ() -> None:
    assert draw_studies(SPEC)[0].body != draw_studies(PhantomSpec(seed=1, train_val_patients=30))[0].body


def test_boxes_only_on_test_positives_and_not_on_all() -> None:
    studies = draw_studies(PhantomSpec(train_val_patients=50, test_patients=300))
    for s in studies:
        assert set(s.boxed) <= (set(s.findings) & set(BOXED) if s.part == "test" else set())
    positives = sum(len(set(s.findings) & set(BOXED)) for s in studies if s.part == "test")
    assert sum(len(s.boxed) for s in studies) / positives == pytest.approx(0.85, abs=0.03)
    everything = draw_studies(PhantomSpec(train_val_patients=1, test_patients=50, boxed_fraction=1.0))
    assert all(set(s.boxed) == set(s.findings) & set(BOXED) for s in everything if s.part == "test")


def test_some_follow_up_numbers_differ_from_the_file_number() -> None:
    studies = draw_studies(PhantomSpec(train_val_patients=400, test_patients=1))
    differing = np.mean([s.follow_up != s.image for s in studies])
    assert 0.05 < differing < 0.3  # .215 in the release, which has more images a patient
    for patient in range(1, 50):
        numbers = [s.follow_up for s in studies if s.patient == patient]
        assert sorted(numbers) == list(range(len(numbers)))


@pytest.fixture(scope="module")
def by_strength() -> dict[float, list[PhantomStudy]]:
    strengths = (0.0, 0.5, 1.0)
    return {
        s: draw_studies(PhantomSpec(train_val_patients=500, test_patients=1, shortcut_strength=s)) for s in strengths
    }


@pytest.mark.parametrize(
    ("planted", "label"),
    [
        pytest.param(lambda s: s.marker, lambda s: "Pneumonia" in s.findings, id="marker"),
        pytest.param(lambda s: s.drain, lambda s: "Pneumothorax" in s.findings, id="drain"),
        pytest.param(lambda s: s.brightness > 0, lambda s: s.view == "AP", id="brightness"),
    ],
)
def test_strength_ties_shortcut_to_label(
    by_strength: dict[float, list[PhantomStudy]],
    planted: Callable[[PhantomStudy], bool],
    label: Callable[[PhantomStudy], bool],
) -> None:
    weak, half, strong = (
        np.corrcoef([planted(s) for s in studies], [label(s) for s in studies])[0, 1]
        for studies in by_strength.values()
    )
    assert abs(weak) < 0.09  # three standard errors of a correlation over 1,100 images
    assert weak < half < strong
    assert strong > 0.75


def test_strength_moves_nothing_but_the_shortcuts(by_strength: dict[float, list[PhantomStudy]]) -> None:
    for weak, strong in zip(by_strength[0.0], by_strength[1.0], strict=True):
        kept = dataclasses.replace(strong, marker=weak.marker, drain=weak.drain, brightness=weak.brightness)
        assert kept == weak


def test_a_few_files_have_four_channels(by_strength: dict[float, list[PhantomStudy]]) -> None:
    assert 0.005 < np.mean([s.rgba for s in by_strength[0.0]]) < 0.03
