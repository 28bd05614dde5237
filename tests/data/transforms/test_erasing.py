"""Rectangles that disappear."""

import torch

from cxr_xai.data.transforms.erasing import draw_rectangles, erase

ROWS = torch.arange(4000)


def test_by_hand() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4).repeat(2, 1, 1, 1) / 15  # mean 0.5
    out = erase(image, torch.tensor([[0.25, 0.5, 0.75, 1], [0, 0, 0, 0]]))
    expected = image[0, 0].clone()
    expected[2:, 1:3] = 0.5
    torch.testing.assert_close(out[0, 0], expected)
    assert torch.equal(out[1], image[1])


def test_a_pixel_goes_with_its_center() -> None:
    image = torch.eye(4)[None, None]  # centers at 0.125, 0.375, …; mean 0.25
    assert torch.equal(erase(image, torch.tensor([[0.13, 0, 0.37, 1]])), image)
    out = erase(image, torch.tensor([[0.12, 0.13, 0.37, 0.38]]))[0, 0]
    expected = torch.eye(4)
    expected[1, 0] = 0.25
    assert torch.equal(out, expected)


def test_draws_lie_in_the_film_and_in_range() -> None:
    rectangles = draw_rectangles(0, 0, ROWS, share=1.0, largest_area=0.3)
    assert rectangles.min() >= 0
    assert rectangles.max() <= 1 + 1e-6
    width, height = (rectangles[:, 2:] - rectangles[:, :2]).unbind(1)
    for drawn, low, high in ((width * height, 0.02, 0.3), (torch.log(height / width).exp(), 0.3, 1 / 0.3)):
        assert low * 0.999 <= drawn.min() < low * 1.1
        assert high * 0.95 < drawn.max() <= high * 1.001
    assert ((rectangles[:, :2] < 0.05).any(1) & (rectangles[:, 2:] > 0.3).any(1)).any()


def test_only_a_share_of_films_loses_something() -> None:
    whole = (draw_rectangles(0, 0, ROWS, share=0.25, largest_area=0.1) == 0).all(1)
    assert abs(whole.float().mean() - 0.75) < 4 * (0.25 * 0.75 / len(ROWS)) ** 0.5
    kept, all_ = (draw_rectangles(0, 0, ROWS, share=s, largest_area=0.1) for s in (0.25, 1.0))
    assert torch.equal(kept[~whole], all_[~whole])
