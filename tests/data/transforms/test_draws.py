"""Draws belong to (seed, epoch, study, stream)."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cxr_xai.data.transforms.draws import GOLDEN, Stream, draw_bits, draw_normal, draw_uniform, scramble

ROWS = torch.arange(5000)


@given(rows=st.lists(st.integers(0, 2**31), min_size=1, max_size=8), seed=st.integers(0, 99), epoch=st.integers(0, 99))
def test_a_study_draws_the_same_in_any_batch(rows: list[int], seed: int, epoch: int) -> None:
    for draw in (draw_uniform, draw_normal):
        together = draw(seed, epoch, torch.tensor(rows), 6)
        for number, row in enumerate(rows):
            assert torch.equal(draw(seed, epoch, torch.tensor([row]), 6)[0], together[number])


def test_the_hash_gives_the_published_numbers_of_splitmix64() -> None:
    """https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64, seed 1234567."""
    words = scramble(1234567 + GOLDEN * torch.arange(1, 6)).tolist()
    assert [word % 2**64 for word in words] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_the_hash_leaves_its_argument_alone() -> None:
    words = torch.arange(4)
    scramble(words)
    assert words.tolist() == [0, 1, 2, 3]


def test_seed_epoch_study_and_stream_all_matter() -> None:
    draws = {
        tuple(draw_bits(s, e, torch.tensor([r]), 4, t).flatten().tolist())
        for s in (-1, 0, 1)
        for e in (0, 1)
        for r in (0, 1)
        for t in (0, *Stream)
    }
    assert len(draws) == 3 * 2 * 2 * (1 + len(Stream))
    assert len({number for draw in draws for number in draw}) == 4 * len(draws)


def test_a_longer_row_begins_with_the_shorter_one() -> None:
    for draw in (draw_bits, draw_uniform, draw_normal):
        assert torch.equal(draw(0, 0, ROWS[:3], 9)[:, :5], draw(0, 0, ROWS[:3], 5))


def test_uniform_draws_are_uniform() -> None:
    draws = draw_uniform(0, 0, ROWS[:200], 2000)
    assert draws.dtype == torch.float32
    assert draws.min() >= 0
    assert draws.max() < 1
    assert_p_values_are_uniform([stats.kstest(row, "uniform").pvalue for row in draws.double().numpy()])


def test_normal_draws_are_normal() -> None:
    draws = draw_normal(0, 0, ROWS[:200], 2000)
    assert draws.dtype == torch.float32
    assert 4 < draws.abs().max() < 4.4
    assert abs(draws.mean()) < 4 / 400_000**0.5
    assert abs(draws.std() - 1) < 4 / 800_000**0.5
    assert_p_values_are_uniform([stats.kstest(row, "norm").pvalue for row in draws.double().numpy()])


def assert_p_values_are_uniform(p_values: list[float]) -> None:
    """As they are where the hypothesis holds: neither too small nor, which would be too good, all large."""
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_neighbors_of_every_kind_are_independent() -> None:
    """Studies, epochs, seeds, streams, and places in a row, of which noise makes pixels."""
    base = draw_normal(3, 5, ROWS, 8, Stream.NOISE)
    others = {
        "study": draw_normal(3, 5, ROWS + 1, 8, Stream.NOISE),
        "epoch": draw_normal(3, 6, ROWS, 8, Stream.NOISE),
        "seed": draw_normal(4, 5, ROWS, 8, Stream.NOISE),
        "seed for epoch": draw_normal(5, 3, ROWS, 8, Stream.NOISE),
        "stream": draw_normal(3, 5, ROWS, 8, Stream.MIXUP),
        "place": base.roll(1, 1),
        "next hash": base.roll(4, 1),
    }
    for what, other in others.items():
        correlation = torch.corrcoef(torch.stack([base.flatten(), other.flatten()]))[0, 1]
        squares = torch.corrcoef(torch.stack([base.flatten().square(), other.flatten().square()]))[0, 1]
        assert max(abs(correlation), abs(squares)) < 4 / 40_000**0.5, what


def test_no_studies_and_no_numbers() -> None:
    none = torch.tensor([], dtype=torch.int64)
    for draw in (draw_uniform, draw_normal):
        assert draw(0, 0, none, 4).shape == (0, 4)
    assert draw_uniform(0, 0, ROWS[:2], 0).shape == (2, 0)


def test_the_global_random_state_does_not_matter() -> None:
    torch.manual_seed(0)
    first = draw_normal(0, 0, ROWS, 2)
    torch.manual_seed(1)
    assert torch.equal(draw_normal(0, 0, ROWS, 2), first)
