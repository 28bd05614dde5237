import pytest
import torch

from cxr_xai.errors import UserError
from cxr_xai.metrics.prior import ClassBoxPrior, pool_to_grid

LEFT, TOP = [0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 0.5]


def build(boxes: list[list[float]], patients: list[str], min_patients: int) -> ClassBoxPrior:
    return ClassBoxPrior(torch.tensor(boxes), ["Mass"] * len(boxes), patients, resolution=2, min_patients=min_patients)


def test_prior_is_the_share_of_other_patients_boxes_on_each_cell() -> None:
    prior = build([LEFT, LEFT, TOP, TOP], ["a", "a", "b", "c"], min_patients=2)
    assert prior.heatmap("Mass", "a").tolist() == [[1, 1], [0, 0]]
    assert prior.heatmap("Mass", "b").tolist() == [[1, pytest.approx(1 / 3)], [pytest.approx(2 / 3), 0]]
    assert prior.heatmap("Mass", "stranger").tolist() == [[1, 0.5], [0.5, 0]]


def test_too_few_other_patients_leave_it_undefined() -> None:
    prior = build([LEFT, LEFT, TOP], ["a", "a", "b"], min_patients=2)
    assert prior.heatmap("Mass", "a").isnan().all()
    assert not prior.heatmap("Mass", "stranger").isnan().any()
    assert prior.heatmap("Nodule", "a").isnan().all()


def test_total_minus_own_equals_counting_the_others() -> None:
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(60, 2, generator=generator) * 0.6
    boxes = torch.cat([corner, corner + 0.05 + 0.3 * torch.rand(60, 2, generator=generator)], dim=1)
    patients = [str(i % 25) for i in range(60)]
    prior = ClassBoxPrior(boxes, ["Mass"] * 60, patients, resolution=32)
    others = [i for i in range(60) if patients[i] != "3"]
    alone = ClassBoxPrior(boxes[others], ["Mass"] * len(others), [patients[i] for i in others], resolution=32)
    torch.testing.assert_close(prior.heatmap("Mass", "3"), alone.heatmap("Mass", "3"))


def test_pooling_averages_and_keeps_undefined() -> None:
    prior = torch.arange(16.0).view(4, 4)
    assert pool_to_grid(prior, (2, 2)).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert pool_to_grid(torch.full((3, 4, 4), torch.nan), (2, 2)).isnan().all()
    assert pool_to_grid(torch.rand(2, 3, 128, 128), (7, 7)).shape == (2, 3, 7, 7)


def test_boxes_in_pixels_are_refused() -> None:
    with pytest.raises(UserError, match="must lie in"):
        build([[0.0, 0.0, 100.0, 100.0]], ["a"], 1)
    with pytest.raises(UserError, match="one of each"):
        ClassBoxPrior(torch.zeros(2, 4), ["Mass"], ["a"])
