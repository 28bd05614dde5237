"""The probe passes what is right and refuses what is wrong."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cxr_xai.data.transforms.advanced import AdvancedTransform
from cxr_xai.data.transforms.geometry import invert, warp_images
from cxr_xai.data.transforms.none import NoTransform
from cxr_xai.data.transforms.photometric import to_unit
from cxr_xai.data.transforms.probe import draw_films, probe_geometry, require_geometry
from cxr_xai.data.transforms.standard import StandardTransform
from cxr_xai.data.transforms.transform import Transform
from cxr_xai.errors import UserError

SIZES = [32, 64, 128, 224]


class Backwards(StandardTransform):
    """Takes the matrices for the way from the new image to the old one."""

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        return warp_images(to_unit(films), invert(self.matrices(index, epoch)))


class SecretFlip(StandardTransform):
    """Flips one film in eight and tells nobody."""

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        image = super().apply(films, index, epoch)
        return torch.where((index % 8 == 5).view(-1, 1, 1, 1), image.flip(-1), image)


class FlippedAll(NoTransform):
    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        return to_unit(films).flip(-1)


class UpsideDown(NoTransform):
    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        return to_unit(films).rot90(2, (2, 3))


class CornersAligned(StandardTransform):
    """Half a pixel off at the edges: the grid's corners are pixel centers, the sampler's are pixel corners."""

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        grid = F.affine_grid(invert(self.matrices(index, epoch)), list(films.shape), align_corners=True)
        return F.grid_sample(to_unit(films), grid, align_corners=False)


class CornersSampled(StandardTransform):
    """The other way round."""

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        grid = F.affine_grid(invert(self.matrices(index, epoch)), list(films.shape), align_corners=False)
        return F.grid_sample(to_unit(films), grid, align_corners=True)


class OnePixelRight(StandardTransform):
    """In one film of four."""

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        image = super().apply(films, index, epoch)
        return torch.where((index % 4 == 0).view(-1, 1, 1, 1), image.roll(1, -1), image)


class Cropped(StandardTransform):
    """Loses one pixel at each edge and is resized."""

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        image = super().apply(films, index, epoch)
        return F.interpolate(image[..., 1:-1, 1:-1], size=image.shape[-2:], mode="bilinear", align_corners=False)


class AnotherEpoch(StandardTransform):
    """Records the matrices of the epoch before."""

    def matrices(self, index: Tensor, epoch: int) -> Tensor:
        return super().matrices(index, max(epoch - 1, 0))

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        return warp_images(to_unit(films), super().matrices(index, epoch))


class Unrepeatable(StandardTransform):
    """Moves by numbers of the moment."""

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        image = super().apply(films, index, epoch)
        shift = int(torch.randint(1, 4, ()))
        return image.roll(shift, -1)


class Blank(NoTransform):
    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        return torch.zeros(films.shape)


BROKEN = [
    Backwards,
    SecretFlip,
    FlippedAll,
    UpsideDown,
    CornersAligned,
    CornersSampled,
    OnePixelRight,
    Cropped,
    AnotherEpoch,
    Unrepeatable,
    Blank,
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("broken", BROKEN)
def test_broken_geometry_is_refused(broken: type[Transform], size: int) -> None:
    with pytest.raises(UserError, match=rf"transform: {broken.__name__} brings probe films back"):
        require_geometry(broken(), size)


@pytest.mark.parametrize("size", SIZES)
def test_right_geometry_passes(size: int) -> None:
    """Fourfold room: a run is not refused by the luck of its seed."""
    for seed in range(4):
        assert probe_geometry(StandardTransform(seed=seed, horizontal_flip=True), size) < 0.05
        assert require_geometry(AdvancedTransform(seed=seed), size) < (0.3 if size < 64 else 0.125)


def test_a_film_left_alone_comes_back_exactly() -> None:
    assert probe_geometry(NoTransform(), 64) < 1e-6


def test_the_error_is_in_pixels_of_the_image() -> None:
    """One pixel aside everywhere; and 1/S too large, half a pixel at each edge and √½ in the corners."""
    assert probe_geometry(OnePixelRight(), 128) == pytest.approx(1, abs=0.02)
    assert probe_geometry(CornersAligned(rotation=0), 128) == pytest.approx(0.5**0.5, abs=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        {"noise": 0.1},
        {"erasing": 1.0, "erased_area": 0.2},
        {"local_contrast": 1.0, "clip_limit": 10},
        {"gamma": 3},
        {"rotation": 180, "shear": 30, "horizontal_flip": True},
        {"scale": 1.0, "translation": 0.0},
        {"translation": 0.25, "scale": 0.0},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_gray_levels_and_far_moves_do_not_confuse_it(settings: dict[str, float]) -> None:
    assert require_geometry(AdvancedTransform(**settings), 128) < 0.25


def test_what_cannot_be_judged_is_not_passed() -> None:
    error = probe_geometry(Blank(), 64)
    assert error != error


@pytest.mark.parametrize("size", SIZES)
def test_squares_are_where_they_are_said_to_be(size: int) -> None:
    films, places, side = draw_films(size, torch.arange(3))
    assert films.shape == (3, 1, size, size)
    assert films.dtype == torch.uint8
    assert sorted(films.unique().tolist()) == [64, 128, 192]
    assert ((films != 128).flatten(1).sum(1) == places.shape[1] * side**2).all(), "squares do not overlap"
    half = side / 2
    for film, centers in zip(films[:, 0], places, strict=True):
        for x, y in centers.tolist():
            square = film[int(y - half) : int(y + half), int(x - half) : int(x + half)]
            assert square.shape == (side, side)
            assert square.unique().tolist() in ([64], [192])


def test_the_pattern_has_no_symmetry_and_films_differ() -> None:
    films, _, _ = draw_films(64, torch.arange(2))
    turns = [film for k in range(4) for film in (films[0].rot90(k, (1, 2)), films[0].rot90(k, (1, 2)).flip(-1))]
    overlap = [((film != 128) & (film == films[0])).float().sum() / (films[0] != 128).sum() for film in turns]
    assert overlap[0] == 1
    assert max(overlap[1:]) < 0.6
    assert not torch.equal(films[0], films[1])
