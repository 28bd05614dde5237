"""Random states survive a checkpoint's types."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from cxr_xai.callbacks.random_states import read_random_states, set_random_states


def draw(device: torch.device) -> list[float]:
    old = np.random.mtrand._rand  # the generator behind numpy's global functions
    python = [random.gauss(0, 1), random.random()]
    return [*python, old.standard_normal(), old.random(), torch.rand(()).item(), torch.rand((), device=device).item()]


@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
)
def test_draws_go_on_as_if_nothing_had_been_drawn_between(device: str, tmp_path: Path) -> None:
    place = torch.device(device)
    draw(place)  # half of a pair of normal numbers is in store
    torch.save(read_random_states(place), tmp_path / "states.pt")
    expected = draw(place)
    draw(place)
    set_random_states(torch.load(tmp_path / "states.pt", weights_only=True), place)
    assert draw(place) == expected
