"""Every feature changes the pixels of its own mask and no other."""

import dataclasses

import numpy as np
import pytest

from cxr_xai.data.phantom import SHORTCUTS, PhantomSpec, PhantomStudy, draw_studies, draw_study, render
from cxr_xai.data.phantom.lesions import draw_lesion
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

SPEC = PhantomSpec(prevalence="nih", train_val_patients=40, test_patients=1)
SIZE = 160


def with_findings(patient: int, *findings: str) -> PhantomStudy:
    """A study with exactly these findings, whatever the lot gave it."""
    study = draw_study(SPEC, patient)
    rng = np.random.default_rng(patient)
    lesions = {name: draw_lesion(rng, name) for name in FINDINGS if name in findings}
    return dataclasses.replace(study, lesions=lesions, marker=True, drain=True, brightness=9.0)


@pytest.mark.parametrize("finding", FINDINGS)
@pytest.mark.parametrize("patient", [1, 2, 3, 4])
def test_a_finding_changes_only_its_mask(finding: str, patient: int) -> None:
    study = with_findings(patient, finding)
    present, absent = render(study, SIZE), render(study, SIZE, without=(finding,))
    changed, mask = present.image != absent.image, present.masks[finding]
    assert mask.any()
    assert not (changed & ~mask).any()
    assert finding not in absent.masks
    if study.lesions[finding].severity > 0.3:
        assert (changed & mask).any()


@pytest.mark.parametrize("finding", FINDINGS)
def test_also_among_other_findings(finding: str) -> None:
    study = with_findings(5, *FINDINGS)
    present, absent = render(study, SIZE), render(study, SIZE, without=(finding,))
    assert not ((present.image != absent.image) & ~present.masks[finding]).any()
    others = set(FINDINGS) - {finding, "Cardiomegaly", "Emphysema"}  # those two are masks of a changed chest
    assert all((present.masks[name] == absent.masks[name]).all() for name in others)


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("patient", [1, 6])
def test_a_shortcut_changes_only_its_mask(shortcut: str, patient: int) -> None:
    study = with_findings(patient, "Pneumothorax")
    present, absent = render(study, SIZE), render(study, SIZE, without=(shortcut,))
    changed = present.image != absent.image
    assert changed.any()
    assert not (changed & ~present.masks[shortcut]).any()
    assert shortcut not in absent.masks


def test_masks_name_what_was_drawn() -> None:
    study = with_findings(3, "Mass", "Effusion")
    assert set(render(study, SIZE).masks) == {"Mass", "Effusion", *SHORTCUTS}
    assert set(render(study, SIZE, without=("Mass", "drain", "Hernia")).masks) == {"Effusion", "marker", "brightness"}


def test_unknown_name_is_refused() -> None:
    with pytest.raises(UserError, match="pacemaker"):
        render(draw_study(SPEC, 1), SIZE, without=("pacemaker",))


def test_rendering_repeats_itself() -> None:
    study = draw_study(SPEC, 9)
    assert (render(study, SIZE).image == render(study, SIZE).image).all()


@pytest.mark.parametrize("size", [64, 333])
def test_any_size(size: int) -> None:
    film = render(with_findings(2, *FINDINGS), size)
    assert film.image.shape == (size, size)
    assert film.image.dtype == np.uint8
    assert set(FINDINGS) <= set(film.masks)
    assert all(film.masks[name].any() for name in FINDINGS)


def test_every_lesion_of_many_has_a_mask() -> None:
    for study in draw_studies(PhantomSpec(train_val_patients=30, test_patients=1))[::2]:
        film = render(study, 64)
        assert all(film.masks[name].any() for name in study.findings)


def test_bedside_films_show_a_larger_heart_and_higher_diaphragm() -> None:
    study = dataclasses.replace(with_findings(1, "Cardiomegaly"), view="PA")
    bedside = dataclasses.replace(study, view="AP")
    pa, ap = (render(s, SIZE).masks["Cardiomegaly"] for s in (study, bedside))
    assert ap.any(axis=0).sum() > pa.any(axis=0).sum()
    studies = draw_studies(PhantomSpec(train_val_patients=200, test_patients=1))
    views, breath = np.array([s.view for s in studies]), np.array([s.film.inspiration for s in studies])
    assert breath[views == "AP"].mean() < breath[views == "PA"].mean() - 0.03


def test_effusion_is_white_and_emphysema_dark() -> None:
    for finding, sign in (("Effusion", 1), ("Consolidation", 1), ("Emphysema", -1)):
        study = with_findings(2, finding)
        present, absent = render(study, SIZE), render(study, SIZE, without=(finding,))
        mask = present.masks[finding]
        assert sign * (present.image[mask].mean() - absent.image[mask].mean()) > 0
