"""What training randomness costs."""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from cxr_xai.data.transforms.advanced import AdvancedTransform
from cxr_xai.data.transforms.probe import require_geometry
from cxr_xai.data.transforms.standard import StandardTransform
from cxr_xai.data.transforms.transform import Transform
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.types import Batch

FILMS, SIZE = 64, 224


def measure_transforms(repeats: int) -> list[Figure]:
    """Compare a batch of 64 films of 224 px with a loop over films of torchvision's transforms, and time the probe."""
    standard, advanced, batch = StandardTransform(), AdvancedTransform(), make_batch()
    times = time_in_turns(
        {"probe": lambda: require_geometry(advanced, SIZE), "batch": lambda: advanced(batch, 0)}, repeats
    )
    share = times["probe"] / times["batch"]
    what = f"geometry probe of advanced at {SIZE} px vs one batch of {FILMS} films"
    return [
        measure_transform("standard", standard, standard_loop(), repeats),
        measure_transform("advanced", advanced, advanced_loop(), repeats),
        Figure(what, times["probe"], times["batch"], share, "batches", "≤ 2"),
    ]


def make_batch() -> Batch:
    """Return films of random gray levels."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (FILMS, 1, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return Batch(torch.arange(FILMS), image, torch.zeros(FILMS, 14))


def measure_transform(name: str, ours: Transform, theirs: Callable[[Tensor], Tensor], repeats: int) -> Figure:
    """Compare one transform of a whole batch with a loop over its films."""
    batch = make_batch()
    times = time_in_turns(
        {"ours": lambda: ours(batch, 0), "loop": lambda: torch.stack([theirs(film) for film in batch.image])}, repeats
    )
    what = f"transform={name}, {FILMS / times['ours']:,.0f} films/s at {SIZE} px, vs torchvision film by film"
    return Figure(what, times["ours"], times["loop"], times["loop"] / times["ours"], "times faster", "≥ 1.2")


def standard_loop() -> Callable[[Tensor], Tensor]:
    """Return rotation, brightness and contrast for one film."""
    steps: Callable[[Tensor], Tensor] = v2.Compose(
        [
            v2.ToDtype(torch.float32, scale=True),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
            v2.RandomRotation(15, InterpolationMode.BILINEAR),
        ]
    )
    return steps


def advanced_loop() -> Callable[[Tensor], Tensor]:
    """Return affine motion, gamma, equalization (of the whole film: torchvision has no local one), noise, erasing."""
    steps: Callable[[Tensor], Tensor] = v2.Compose(
        [
            v2.RandomEqualize(0.3),
            v2.ToDtype(torch.float32, scale=True),
            v2.Lambda(lambda film: v2.functional.adjust_gamma(film, 1.3 ** (2 * torch.rand(()).item() - 1))),
            v2.RandomAffine(15, (0.05, 0.05), (1 / 1.1, 1.1), 5, InterpolationMode.BILINEAR),
            v2.GaussianNoise(sigma=0.015),
            v2.RandomErasing(0.25, (0.02, 0.1), value=0.5),
        ]
    )
    return steps
