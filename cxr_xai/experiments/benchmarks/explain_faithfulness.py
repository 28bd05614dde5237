"""What judging maps against the model costs."""

from functools import partial

import torch
from torch import Tensor

from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.metrics.faithfulness.curves import Predict, count_removed, removal_logits
from cxr_xai.metrics.faithfulness.imputers import MeanImputer, NoisyLinearImputer
from cxr_xai.metrics.faithfulness.orders import rank_cells
from cxr_xai.models.classifier import build_classifier

FILMS, STEPS, CELLS, SIZE = 8, 10, 16, 128


def measure_faithfulness(repeats: int) -> list[Figure]:
    """Measure deletion curves in batches against one film at a time, and ROAD's filling a batch at once."""
    return [measure_deletion(repeats), measure_filling(repeats)]


def measure_deletion(repeats: int) -> Figure:
    """Compare the curves of 8 films in batches with the same curves film by film and step by step."""
    model = build_classifier("resnet10t", in_chans=1).eval()
    image, ranks = torch.rand(FILMS, 1, SIZE, SIZE), rank_cells(torch.rand(FILMS, CELLS, CELLS))
    owner, counts = torch.arange(FILMS), count_removed(CELLS * CELLS, STEPS)

    def follow(batch: int) -> Tensor:
        return removal_logits(model, image, ranks, owner, counts, MeanImputer(), batch=batch)

    times = time_in_turns({"batched": partial(follow, 64), "one by one": partial(one_by_one, model, image)}, repeats)
    what = f"deletion curves of {FILMS} films, {STEPS} steps, resnet10t at {SIZE} px, vs film by film"
    return Figure(
        what, times["batched"], times["one by one"], times["one by one"] / times["batched"], "× as fast", "≥ 1"
    )


def one_by_one(predict: Predict, image: Tensor) -> None:
    """Remove cells as a plain loop does it: rank, fill and predict anew at every step of every film."""
    for film in image.split(1):  # type: ignore[no-untyped-call]
        values = torch.rand(1, CELLS, CELLS)
        for count in count_removed(CELLS * CELLS, STEPS):
            imputer = MeanImputer()
            removed = (rank_cells(values) < count).repeat_interleave(SIZE // CELLS, 1)
            mask = removed.repeat_interleave(SIZE // CELLS, 2)[:, None]
            with torch.no_grad():
                predict(imputer.impute(film, imputer.fill(film), mask))


def measure_filling(repeats: int) -> Figure:
    """Compare noisy linear interpolation of 32 masks with the sparse solver of the published code."""
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer as Published

    count = 32
    image = torch.rand(count, 1, SIZE, SIZE)
    removed = (torch.rand(count, 1, CELLS, CELLS) < 0.5).repeat_interleave(SIZE // CELLS, 2)
    removed = removed.repeat_interleave(SIZE // CELLS, 3)
    imputer, published = NoisyLinearImputer(), Published()

    def solve() -> None:
        for film, mask in zip(image, removed, strict=True):
            published(film, (~mask[0]).float())

    times = time_in_turns(
        {"ours": lambda: imputer.impute(image, imputer.fill(image), removed), "published": solve}, repeats
    )
    what = f"ROAD's filling of {count} films of {SIZE} px, half removed, vs pytorch-grad-cam's"
    return Figure(what, times["ours"], times["published"], times["published"] / times["ours"], "× as fast", "≥ 2")
