"""Films to compare with: drawn late, once, and fitted to the image."""

import pytest
import torch

from cxr_xai.errors import UserError
from cxr_xai.explainers.background_films import BackgroundFilms
from cxr_xai.types import Background


def test_drawn_when_needed_and_once() -> None:
    asked = []

    def draw(count: int) -> Background:
        asked.append(count)
        return Background(torch.arange(count).float().view(-1, 1, 1, 1).expand(-1, 1, 4, 4), "")

    films = BackgroundFilms(draw, 3)
    assert asked == []
    for _ in range(2):
        assert films.like(torch.zeros(1, 1, 4, 4))[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert asked == [3]


def test_films_of_another_size_are_resized() -> None:
    films = BackgroundFilms(lambda count: Background(torch.full((count, 1, 64, 64), 0.25), ""), 2)
    fitted = films.like(torch.zeros(1, 1, 32, 48))
    assert fitted.shape == (2, 1, 32, 48)
    torch.testing.assert_close(fitted, torch.full_like(fitted, 0.25))


def test_what_is_written_into_films_stays_outside() -> None:
    films = BackgroundFilms(lambda count: Background(torch.zeros(count, 1, 2, 2), ""), 1)
    films.like(torch.zeros(1, 1, 2, 2)).add_(1)
    assert films.like(torch.zeros(1, 1, 2, 2)).sum() == 0


def test_none_is_refused() -> None:
    with pytest.raises(UserError, match="background_size is 0"):
        BackgroundFilms(lambda count: Background(torch.zeros(count), ""), 0)
