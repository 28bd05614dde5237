"""Points of cells, mapped back to the film."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from cxr_xai.data.evidence.grid import cover_cells, keep_seen, sample_cells
from cxr_xai.data.transforms.geometry import make_affine, make_identity


def test_without_motion_points_are_evenly_spread() -> None:
    points = sample_cells(make_identity(1), (2, 3), samples=2)
    assert points.shape == (1, 4, 6, 2)
    torch.testing.assert_close(points[0, 0, :, 0], torch.tensor([-5.0, -3, -1, 1, 3, 5]) / 6)
    torch.testing.assert_close(points[0, :, 0, 1], torch.tensor([-3.0, -1, 1, 3]) / 4)


@given(
    degrees=st.floats(-180, 180),
    shift=st.tuples(st.floats(-0.25, 0.25), st.floats(-0.25, 0.25)),
    scale=st.floats(0.5, 2),
    shear=st.floats(-30, 30),
    flip=st.booleans(),
)
def test_the_matrix_brings_points_back(
    degrees: float, shift: tuple[float, float], scale: float, shear: float, flip: bool
) -> None:
    drawn = (torch.tensor([value]) for value in (degrees, shift, scale, shear, flip))
    matrices = make_affine(*drawn)
    points = sample_cells(matrices, (3, 4), samples=2)
    moved = points @ matrices[:, None, :, :2].transpose(-1, -2) + matrices[:, None, None, :, 2]
    torch.testing.assert_close(moved, sample_cells(make_identity(1), (3, 4), samples=2), atol=1e-5, rtol=0)


def test_no_films_no_points() -> None:
    assert sample_cells(make_identity(0), (2, 2)).shape == (0, 32, 32, 2)


def test_means_over_cells_keep_rows_and_columns_apart() -> None:
    inside = torch.zeros(1, 4, 6)
    inside[0, :2, 3:] = 1
    inside[0, 3, 0] = 1
    assert cover_cells(inside, samples=2).tolist() == [[[0, 0.5, 1], [0.25, 0, 0]]]


def test_empty_masks_are_unknown() -> None:
    mask = torch.zeros(3, 2, 2)
    mask[1, 0, 0] = 0.01
    known = keep_seen(torch.arange(3), torch.tensor([7, 8, 9]), mask)
    assert (known.row.tolist(), known.finding.tolist(), len(known)) == ([1], [8], 1)
