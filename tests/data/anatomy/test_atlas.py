"""The atlas finds the chest, wherever and however large it is, whatever the gray curve."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cxr_xai.data.anatomy import atlas
from cxr_xai.data.anatomy.atlas import ENOUGH, AtlasAnatomy, average_study, fit_chest, to_ranks
from cxr_xai.data.anatomy.phantom import draw_regions
from cxr_xai.data.anatomy.regions import LUNGS
from cxr_xai.data.phantom.draw import draw_studies
from cxr_xai.data.phantom.render import render
from cxr_xai.data.phantom.spec import PhantomSpec

AVERAGE = render(average_study(), 128).image


def film(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float32))[None, None] / 255


def test_it_finds_itself() -> None:
    places, score = fit_chest(film(AVERAGE))
    np.testing.assert_allclose(places[0].numpy(), [1, 1, 0, 0], atol=0.03)
    assert score[0] > 0.97


def test_a_moved_and_smaller_chest_is_found() -> None:
    matrix = np.array([[0.85, 0, 0.085 * 128], [0, 0.95, 0.085 * 128]])  # middle at .51 and .56 of the film
    moved = cv2.warpAffine(AVERAGE, matrix, (128, 128), borderMode=cv2.BORDER_REPLICATE)
    places, _ = fit_chest(film(moved))
    np.testing.assert_allclose(places[0].numpy(), [0.85, 0.95, 0.01, 0.06], atol=0.04)


def test_the_gray_curve_does_not_matter() -> None:
    dark = (255 * (AVERAGE / 255.0) ** 2.2).astype(np.uint8)
    np.testing.assert_allclose(fit_chest(film(dark))[0], fit_chest(film(AVERAGE))[0], atol=0.05)
    assert torch.equal(to_ranks(torch.tensor([[[1.0, 2.0, 4.0]]])), to_ranks(torch.tensor([[[1.0, 8.0, 9.0]]])))


def test_each_film_is_fitted_alone() -> None:
    both = torch.cat([film(AVERAGE), film(AVERAGE[:, ::-1].copy())])
    np.testing.assert_array_equal(AtlasAnatomy().regions(both)[:1], AtlasAnatomy().regions(both[:1]))


def test_a_film_is_fitted_once_for_what_is_known_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []

    def fit(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        fitted.append(len(image))
        return fit_chest(image)

    monkeypatch.setattr(atlas, "fit_chest", fit)
    films = torch.cat([film(AVERAGE), film(AVERAGE[:, ::-1].copy())])
    source, alone = AtlasAnatomy(), AtlasAnatomy().regions(films[1:])
    source.known(films)
    np.testing.assert_array_equal(source.regions(films[1:]), alone)
    assert fitted == [1, 2], "a third time would be the same film again"
    source.known(films)
    assert fitted == [1, 2, 1], "only the films of the last call are remembered"


def test_noise_is_no_chest() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128)).astype(np.uint8)
    assert AtlasAnatomy().known(torch.cat([film(noise), film(AVERAGE)])).tolist() == [False, True]


def test_overlap_with_the_true_regions_of_the_phantom() -> None:
    studies = draw_studies(PhantomSpec(train_val_patients=4, test_patients=1))[:6]
    films = torch.cat([film(render(study, 128).image) for study in studies])
    found, true = AtlasAnatomy().regions(films), np.stack([draw_regions(study, 128) for study in studies])
    ours, theirs = np.isin(found, LUNGS), np.isin(true, LUNGS)
    assert 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()) > 0.85
    assert (found == true).mean() > 0.85


def test_an_explainer_may_take_it_for_its_regions() -> None:
    labels = AtlasAnatomy()(film(AVERAGE))
    assert labels.dtype == torch.int64
    assert labels.shape == (1, 128, 128)


@pytest.mark.slow
def test_real_films(shared: Path) -> None:
    paths = sorted((shared / "nih-chestxray14").glob("images_*/**/*.png"))
    images = [cv2.resize(cv2.imread(str(path), 0), (128, 128), interpolation=cv2.INTER_AREA) for path in paths]
    _, score = fit_chest(torch.cat([film(image) for image in images]))
    assert (score >= ENOUGH).float().mean() > 0.95
    assert score.median() > 0.8
