"""The mix of cross-entropy and focal loss."""

import pytest
import torch

from cxr_xai.errors import UserError
from cxr_xai.losses.bce import BCE
from cxr_xai.losses.bce_focal import BCEFocal
from cxr_xai.losses.focal import Focal

LOGITS, TARGET = torch.linspace(-4, 4, 28).reshape(2, 14), torch.arange(28).reshape(2, 14).remainder(3).eq(0).float()


def test_its_ends_are_its_parts() -> None:
    torch.testing.assert_close(BCEFocal(weight=1)(LOGITS, TARGET), BCE()(LOGITS, TARGET))
    torch.testing.assert_close(BCEFocal(weight=0, gamma=3, alpha=0.3)(LOGITS, TARGET), Focal(3, 0.3)(LOGITS, TARGET))


def test_between_them_it_is_their_mean() -> None:
    expected = 0.25 * BCE()(LOGITS, TARGET) + 0.75 * Focal()(LOGITS, TARGET)
    torch.testing.assert_close(BCEFocal(weight=0.25)(LOGITS, TARGET), expected)


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_a_share_outside_of_a_whole_is_refused(weight: float) -> None:
    with pytest.raises(UserError, match=rf"^loss\.weight is {weight}; it is the share of cross-entropy"):
        BCEFocal(weight=weight)
