"""Partners and weights of mixup."""

import pytest
import torch
from scipy import stats

from cxr_xai.data.transforms.mixing import draw_mixing

ROWS = torch.arange(8000)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 1.0, 4.0])
def test_weights_are_the_larger_side_of_a_beta(alpha: float) -> None:
    """P(max(λ, 1 - λ) ≤ w) = 2 F(w) - 1 for the symmetric Beta(α, α)."""
    _, weights = draw_mixing(0, 0, ROWS, 100, alpha)
    assert weights.dtype == torch.float32
    assert weights.min() >= 0.5
    assert weights.max() <= 1
    for w in (0.51, 0.55, 0.6, 0.7, 0.8, 0.9, 0.99, 0.9999):
        expected = 2 * stats.beta(alpha, alpha).cdf(w) - 1
        error = (expected * (1 - expected) / len(ROWS)) ** 0.5
        assert abs((weights <= w).double().mean() - expected) < 4 * error, w


def test_partners_are_uniform_whole_numbers_below_size() -> None:
    partners, _ = draw_mixing(0, 0, ROWS, 16, 0.2)
    assert partners.dtype == torch.int64
    counts = torch.bincount(partners, minlength=16)
    assert len(counts) == 16
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3
    assert draw_mixing(0, 0, ROWS, 1, 0.2)[0].unique().tolist() == [0]


def test_a_function_of_seed_epoch_and_study_alone() -> None:
    partners, weights = draw_mixing(1, 2, ROWS, 1000, 0.2)
    alone = draw_mixing(1, 2, ROWS[[77]], 1000, 0.2)
    assert (alone[0].item(), alone[1].item()) == (partners[77].item(), weights[77].item())
    for seed, epoch, shift in ((1, 3, 0), (2, 2, 0), (1, 2, 1)):
        others, other_weights = draw_mixing(seed, epoch, ROWS + shift, 1000, 0.2)
        assert (others == partners).float().mean() < 0.01
        assert abs(torch.corrcoef(torch.stack([weights, other_weights]))[0, 1]) < 4 / len(ROWS) ** 0.5


def test_partner_and_weight_are_independent() -> None:
    partners, weights = draw_mixing(0, 0, ROWS, 1000, 1.0)
    assert abs(torch.corrcoef(torch.stack([partners.float(), weights]))[0, 1]) < 4 / len(ROWS) ** 0.5
