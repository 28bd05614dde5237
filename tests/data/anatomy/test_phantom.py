"""The phantom's regions are those its films were drawn with."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cxr_xai.data.anatomy.phantom import PhantomAnatomy, draw_regions
from cxr_xai.data.anatomy.regions import BELOW, HEART, LEFT_LUNG, LUNGS, OUTSIDE, REGIONS, RIGHT_LUNG
from cxr_xai.data.phantom.draw import draw_studies
from cxr_xai.data.phantom.render import render
from cxr_xai.data.phantom.spec import PhantomSpec
from cxr_xai.data.phantom.write import write_phantom
from cxr_xai.errors import UserError

SPEC = PhantomSpec(train_val_patients=6, test_patients=6, image_size=96)
STUDIES = draw_studies(SPEC)


@pytest.mark.parametrize("study", STUDIES[:8], ids=lambda study: study.image_id)
def test_all_regions_are_there_and_in_their_places(study) -> None:
    labels = draw_regions(study, 96)
    assert set(np.unique(labels)) == set(range(len(REGIONS)))
    places = {r: np.argwhere(labels == r).mean(axis=0) for r in range(len(REGIONS))}
    for zones in (RIGHT_LUNG, LEFT_LUNG):
        assert places[zones[0]][0] < places[zones[1]][0] < places[zones[2]][0]
    assert places[RIGHT_LUNG[1]][1] < places[HEART][1] < places[LEFT_LUNG[1]][1]  # the patient's right is at the left
    assert places[BELOW][0] > places[HEART][0]


def test_a_heart_with_cardiomegaly_lies_in_its_region_and_lesions_in_the_lungs_do() -> None:
    large = next(study for study in STUDIES if "Cardiomegaly" in study.lesions)
    assert (draw_regions(large, 96) == HEART).mean() > 0.08
    nodule = next(study for study in STUDIES if "Nodule" in study.lesions)
    inside = draw_regions(nodule, 96)[render(nodule, 96).masks["Nodule"]]
    assert np.isin(inside, (*LUNGS, HEART)).mean() > 0.7


def test_regions_of_a_folder_at_another_size(tmp_path: Path) -> None:
    write_phantom(tmp_path / "phantom", SPEC, workers=0)
    anatomy = PhantomAnatomy(tmp_path / "phantom")
    names = [STUDIES[0].image_id, STUDIES[-1].image_id]
    labels = anatomy.regions(torch.zeros(2, 1, 48, 48), names)
    assert labels.shape == (2, 48, 48)
    assert labels.dtype == np.int64
    full = draw_regions(STUDIES[-1], 96)
    assert (labels[1] == full[1::2, 1::2]).mean() > 0.95
    assert anatomy.known(torch.zeros(2, 1, 48, 48), [names[0], "film.png"]).tolist() == [True, False]
    with pytest.raises(UserError, match="no film of this phantom"):
        anatomy.regions(torch.zeros(1, 1, 48, 48), ["film.png"])
    assert (labels == OUTSIDE).any()
