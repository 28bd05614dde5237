"""What the base class does for every member."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from cxr_xai.data.transforms import transform as module
from cxr_xai.data.transforms.transform import Transform, require_between
from cxr_xai.errors import UserError
from cxr_xai.types import Batch


class Marks(Transform):
    """Writes the study's number into its film and notes how many films came at once."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        self.counts.append(len(films))
        return films.float() + index.view(-1, 1, 1, 1) + 100 * epoch


@pytest.mark.parametrize(("pixels", "counts"), [(64, [1] * 5), (128, [2, 2, 1]), (1, [1] * 5), (2**20, [5])])
def test_a_processor_works_in_pieces(monkeypatch: pytest.MonkeyPatch, pixels: int, counts: list[int]) -> None:
    monkeypatch.setattr(module, "PIECE", pixels)
    transform = Marks()
    batch = Batch(torch.arange(5), torch.zeros(5, 1, 8, 8, dtype=torch.uint8), torch.zeros(5, 14))
    assert transform(batch, 2).image[:, 0, 0, 0].tolist() == [200, 201, 202, 203, 204]
    assert transform.counts == counts


def test_whatever_else_a_batch_carries_stays() -> None:
    @dataclass
    class Boxed(Batch):
        boxes: str

    batch = Boxed(torch.arange(1), torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.zeros(1, 14), "boxes")
    out = Marks()(batch, 0)
    assert isinstance(out, Boxed)
    assert out.boxes == "boxes"


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_require_between(value: float) -> None:
    with pytest.raises(UserError, match=r"transform\.share is .*; it must lie between 0 and 1 \(of films\)\."):
        require_between("share", value, 0, 1, "of films")
    require_between("share", 1, 0, 1, "of films")
