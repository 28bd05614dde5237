"""Random numbers that belong to a study, not to a worker, a rank or the moment.

Every number is a hash of (seed, epoch, study, stream, place), so it is the same in any batch, process or device and
after any resumption. The hash is SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) with int64 tensors, which wrap around
like the unsigned numbers of the paper.
"""

from enum import IntEnum
from functools import lru_cache

import torch
from torch import Tensor

GOLDEN, FIRST, SECOND = (word - 2**64 for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Stream(IntEnum):
    """What a study's numbers are drawn for: one purpose, one stream, so that no option moves another's draws."""

    MOTION = 1
    TONE = 2
    LOCAL_CONTRAST = 3
    NOISE_LEVEL = 4
    NOISE = 5
    ERASING = 6
    MIXUP = 7
    PROBE = 8
    SYNTHETIC = 9


def scramble(words: Tensor) -> Tensor:
    """Hash int64 of any shape one to one: the finalizer of SplitMix64.

    >>> scramble(torch.tensor([0, 1, 2])).tolist()
    [0, 6238072747940578789, -2606959012126976886]
    """
    words = (words ^ _right(words, 30)).mul_(FIRST)
    words = words.bitwise_xor_(_right(words, 27)).mul_(SECOND)
    return words.bitwise_xor_(_right(words, 31))


def _right(words: Tensor, places: int) -> Tensor:
    # A shift of signed numbers repeats the sign; the mask takes it off.
    return (words >> places).bitwise_and_((1 << (64 - places)) - 1)


@lru_cache(maxsize=64)
def _key(*words: int) -> int:
    key = torch.zeros((), dtype=torch.int64)
    for word in words:
        key = scramble(key + GOLDEN + word)
    return int(key)


def draw_bits(seed: int, epoch: int, index: Tensor, count: int, stream: int = 0) -> Tensor:
    """Return ``(N, count)`` int64 of 64 random bits each, on the device of ``index``.

    Args:
        seed: of the run.
        epoch: of training.
        index: ``(N,)`` int64, the studies.
        count: numbers per study; a longer row begins with the shorter one.
        stream: 0, or a member of ``Stream``.
    """
    keys = scramble(index + _key(seed, epoch, int(stream)))
    places = torch.arange(1, count + 1, device=index.device) * GOLDEN
    return scramble(keys[:, None] + places)


def draw_uniform(seed: int, epoch: int, index: Tensor, count: int, stream: int = 0) -> Tensor:
    """Return ``(N, count)`` float32 uniform in [0, 1), in steps of 2⁻²⁴; arguments as for ``draw_bits``.

    >>> rows = torch.tensor([5, 9])
    >>> torch.equal(draw_uniform(0, 3, rows, 4)[1], draw_uniform(0, 3, rows[1:], 4)[0])
    True
    """
    return (draw_bits(seed, epoch, index, count, stream) >> 40).bitwise_and_(2**24 - 1).float().mul_(2**-24)


@lru_cache(maxsize=8)
def _normal_quantiles(device: torch.device) -> Tensor:
    middles = (torch.arange(2**16, dtype=torch.float64) + 0.5) / 2**16
    quantiles: Tensor = torch.special.ndtri(middles)
    return quantiles.float().to(device)


def draw_normal(seed: int, epoch: int, index: Tensor, count: int, stream: int = 0) -> Tensor:
    """Return ``(N, count)`` float32 standard normal, the same on every device; arguments as for ``draw_bits``.

    One hash gives four numbers of 16 bits, each the place of a quantile: enough for noise, and as fast as
    ``torch.randn``. None is beyond ±4.4.
    """
    bits = draw_bits(seed, epoch, index, -(-count // 4), stream)
    places = bits.view(torch.int16).int().add_(2**15)
    return _normal_quantiles(index.device).index_select(0, places.view(-1)).view_as(places)[:, :count]
