"""The benchmark of the loop measures what it says."""

import math

import pytest
import torch

from cxr_xai.experiments.benchmarks import train_loop
from cxr_xai.experiments.benchmarks.train_loop import Point, measure_gpu, time_turns


def test_both_take_as_many_steps_of_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_loop, "SIZE", 32)
    calls: list[torch.Size] = []

    class Counted(Point):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            calls.append(image.shape)
            assert image.dtype == torch.float32
            return super().forward(image)

    ours, bare = time_turns(Counted(), 3)
    assert len(calls) == 2 * (3 + train_loop.WARM + 1)
    assert set(calls) == {(16, 1, 32, 32)}
    assert ours > 0
    assert bare > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU would be measured")
@pytest.mark.parametrize(("size", "count"), [(224, 64), (512, 16)])
def test_without_a_gpu_it_says_so(size: int, count: int) -> None:
    figure = measure_gpu("resnet50", size)
    assert f"resnet50 in bf16 at {size} px, batches of {count}," in figure.what
    assert figure.what.endswith("on data held on the GPU: not measured, no GPU is here")
    assert math.isnan(figure.ratio)
