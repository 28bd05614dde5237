"""What stands in for removed pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import lil_array
from scipy.sparse.linalg import spsolve

from cxr_xai.metrics.faithfulness.imputers import IMPUTERS, BlurImputer, NoisyLinearImputer, interpolate

NEIGHBORS = ((1 / 12, 1 / 6, 1 / 12), (1 / 6, 0.0, 1 / 6), (1 / 12, 1 / 6, 1 / 12))


def solve_directly(image: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Set up and solve the system pixel by pixel."""
    number = {tuple(place): k for k, place in enumerate(np.argwhere(removed))}
    system, right = lil_array((len(number), len(number))), np.zeros(len(number))
    for (y, x), k in number.items():
        for dy, dx in np.ndindex(3, 3):
            other, weight = (y + dy - 1, x + dx - 1), NEIGHBORS[dy][dx]
            if 0 <= other[0] < image.shape[0] and 0 <= other[1] < image.shape[1]:
                system[k, k] += weight
                if other in number and other != (y, x):
                    system[k, number[other]] -= weight
                elif other != (y, x):
                    right[k] += weight * image[other]
    answer = image.copy()
    answer[removed] = spsolve(system.tocsc(), right)
    return answer


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_interpolation_is_the_solution_of_the_sparse_system(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    image, removed = rng.random((37, 33)), rng.random((37, 33)) < share
    removed[rng.integers(37), rng.integers(33)] = False
    film = torch.from_numpy(image)[None, None]
    found = interpolate(film, film.mean().expand_as(film), torch.from_numpy(removed)[None, None], 1e-9)
    np.testing.assert_allclose(found[0, 0].numpy(), solve_directly(image, removed), atol=1e-7)


def test_a_film_that_is_not_solved_is_undefined_and_its_neighbors_are_not() -> None:
    film = torch.rand(2, 1, 16, 16)
    removed = torch.zeros_like(film, dtype=torch.bool)
    removed[0, :, 1:-1, 1:-1] = True
    removed[1, :, 4, 4] = True  # one unknown: one step
    found = interpolate(film, film.mean().expand_as(film), removed, 1e-6, most=1)
    assert torch.equal(found[0].isnan(), removed[0])
    assert bool(found[1].isfinite().all())
    assert bool(interpolate(film, film.mean().expand_as(film), removed, 1e-4).isfinite().all())


def test_a_batch_gives_what_each_film_gives_alone() -> None:
    film = torch.rand(3, 1, 16, 16)
    removed = torch.rand(3, 1, 16, 16) < torch.tensor([0.2, 0.7, 1.1]).view(-1, 1, 1, 1)  # the last one wholly
    imputer = NoisyLinearImputer(tolerance=1e-6)  # a batch goes on until its last film is solved
    fill = imputer.fill(film)
    together = imputer.impute(film, fill, removed)
    for n in range(3):
        part = slice(n, n + 1)
        torch.testing.assert_close(
            together[part], imputer.impute(film[part], fill[part], removed[part]), atol=1e-6, rtol=0
        )
    assert torch.equal(together[:2][~removed[:2]], film[:2][~removed[:2]])
    assert (together[2] - film[2].mean()).std() == pytest.approx(0.01, rel=0.3)  # nothing known: mean and noise


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # of the published code
def test_agrees_with_the_published_code() -> None:
    road = pytest.importorskip("pytorch_grad_cam.metrics.road")
    film, removed = torch.rand(1, 1, 12, 12), torch.rand(12, 12) < 0.6
    theirs = road.NoisyLinearImputer(noise=0.0)(film[0], (~removed).float())
    ours = NoisyLinearImputer(noise=0.0)
    torch.testing.assert_close(
        ours.impute(film, ours.fill(film), removed[None, None])[0], theirs.float(), atol=1e-3, rtol=0
    )


def test_a_linear_ramp_is_restored() -> None:
    film = torch.linspace(0, 1, 16).expand(1, 1, 16, 16).contiguous()
    removed = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    removed[..., 5:11, 4:12] = True
    imputer = NoisyLinearImputer(noise=0.0)
    torch.testing.assert_close(imputer.impute(film, imputer.fill(film), removed), film, atol=1e-4, rtol=0)


def test_blur_keeps_a_flat_film_and_takes_a_dot() -> None:
    flat, dot = torch.full((1, 1, 32, 32), 0.3), torch.zeros(1, 1, 32, 32)
    dot[..., 16, 16] = 1
    torch.testing.assert_close(BlurImputer().fill(flat), flat)
    blurred = BlurImputer().fill(dot)
    assert blurred.max() < 0.05
    assert blurred.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", IMPUTERS)
def test_nothing_removed_changes_nothing(name: str) -> None:
    film, imputer = torch.rand(2, 1, 16, 16), IMPUTERS[name]()
    assert torch.equal(imputer.impute(film, imputer.fill(film), torch.zeros_like(film, dtype=torch.bool)), film)
