"""What our loop costs beside the training steps themselves."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import lightning
import numpy as np
import torch
from lightning import Callback, Trainer
from torch import Tensor, nn

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.finite import Finite
from cxr_xai.callbacks.frequencies import Frequencies
from cxr_xai.callbacks.progress_file import ProgressFile
from cxr_xai.data.dataset import StudyDataset
from cxr_xai.data.loader import StudyLoader
from cxr_xai.data.sampling import EpochSampler
from cxr_xai.data.transforms.none import NoTransform
from cxr_xai.data.transforms.standard import StandardTransform
from cxr_xai.data.transforms.transform import Transform
from cxr_xai.experiments.benchmarks.timing import Figure
from cxr_xai.losses.bce import BCE
from cxr_xai.models.classifier import build_classifier
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.types import Batch

SIZE, BATCH = 224, 16
WARM = 2
"""Turns that do not count; Lightning asks for the second batch before it has used the first."""

GPU_WARM, GPU_STEPS = 20, 60
GPU_BATCHES = {224: 64, 512: 16}
"""Films of a batch by their size: 3.2 and 4.2 million pixels, so that memory for one is memory for the other."""
NETWORKS = ("resnet50", "densenet121")


class MemoryData(lightning.LightningDataModule):
    """Films in memory, served and transformed as a run serves and transforms its own."""

    def __init__(self, films: int, size: int, batch: int, transform: Transform) -> None:
        super().__init__()
        generator = np.random.default_rng(0)
        pixels = generator.integers(0, 256, (films, size, size), dtype=np.uint8)
        rows, targets = np.arange(films), (generator.random((films, 14)) < 0.1).astype(np.float32)
        self.dataset, self.batch, self.transform = StudyDataset(rows, pixels, rows, targets), batch, transform
        self.drawn_prevalence = targets.mean(axis=0)
        self.turns: Turns | None = None

    def loader(self) -> StudyLoader:
        """Return the loader of a run."""
        sampler = EpochSampler(len(self.dataset), True, None, 0, 0, 1)
        return StudyLoader(self.dataset, batch_size=self.batch, sampler=sampler, collate_fn=lambda batch: batch)

    def train_dataloader(self) -> "StudyLoader | Turns":
        """Serve all films once, in turns with something else where it is given."""
        return self.turns or self.loader()

    def val_dataloader(self) -> StudyLoader:
        """Be there; the trainer is told to leave it alone."""
        return self.loader()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Transform on the device."""
        return self.transform(batch, 0)


class Turns:
    """A loader that takes a bare step of its own before each batch that it hands out, and times both."""

    def __init__(self, loader: StudyLoader, bare: Callable[[], None]) -> None:
        self.loader, self.bare_step = loader, bare
        self.ours: list[float] = []
        self.bare: list[float] = []

    def __len__(self) -> int:
        """Return how many batches there are."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        """Hand out batches; what passes until the next one is asked for is a step of ours."""
        batches = iter(self.loader)
        for _ in range(len(self)):
            start = time.perf_counter()
            batch = next(batches)
            fetched = time.perf_counter()
            self.bare_step()
            handed = time.perf_counter()
            yield batch
            self.ours.append(time.perf_counter() - handed + fetched - start)
            self.bare.append(handed - fetched)


def measure_loop(repeats: int) -> list[Figure]:
    """Compare our trainer, module, loader and callbacks with a bare loop, a step of each in turns; and on a GPU."""
    network, point = build_classifier("resnet50"), Point()
    times = {name: time_turns(model, repeats) for name, model in (("network", network), ("point", point))}
    (ours, bare), (loop, _) = times["network"], times["point"]
    what = f"a training step of resnet50, batches of {BATCH} at {SIZE} px, vs a bare loop on the same tensors"
    alone = f"a step of our loop without a network, {1000 * loop:.1f} ms, vs that step of resnet50 on this CPU"
    return [
        Figure(what, ours, bare, ours / bare, "time ratio", "≤ 1.03"),
        Figure(alone, loop, bare, loop / bare, "share of the time", "≤ 0.03"),
        *(measure_gpu(name, size) for size in GPU_BATCHES for name in NETWORKS),
    ]


class Point(nn.Module):
    """Hardly a network: what is left of a step is the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 14)

    def forward(self, image: Tensor) -> Tensor:
        """Read one pixel."""
        logits: Tensor = self.head(image[:, :, 0, 0])
        return logits


def time_turns(model: nn.Module, repeats: int) -> tuple[float, float]:
    """Return median seconds of our step and of a bare one, on the CPU."""
    data = MemoryData((repeats + WARM + 1) * BATCH, SIZE, BATCH, NoTransform())  # the first step has none before it
    loss, optimizer = BCE(), torch.optim.Adam(model.parameters(), lr=0)
    first: Any = data.dataset.__getitems__(list(range(BATCH)))
    batch = data.transform(first, 0)
    data.turns = turns = Turns(data.loader(), partial(take_step, model, loss, optimizer, batch.image, batch.target))
    module = ChestXrayModule(model, loss, partial(torch.optim.Adam, lr=0))
    with tempfile.TemporaryDirectory() as folder:
        make_trainer(data, RunFolder(Path(folder)), accelerator="cpu").fit(module, data)
    return median(turns.ours[WARM:]), median(turns.bare[WARM:])


def take_step(
    model: nn.Module, loss: nn.Module, optimizer: torch.optim.Optimizer, image: Tensor, target: Tensor
) -> None:
    """Take a step as short as it can be written."""
    model.train()
    optimizer.zero_grad()
    loss(model(image), target).backward()
    optimizer.step()


def make_trainer(data: Any, folder: RunFolder, *callbacks: Callback, **options: Any) -> Trainer:
    """Return a trainer with the callbacks that a run has at every step; checkpoints have a figure of their own."""
    image_ids = [str(row) for row in range(len(data.dataset))]
    always = [Frequencies(data), Finite(image_ids, folder), ProgressFile(folder, "val/loss")]
    return Trainer(
        max_epochs=1,
        callbacks=[*always, *callbacks],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        use_distributed_sampler=False,
        log_every_n_steps=1,
        **options,
    )


class Clock(Callback):
    """Times steps after the first few, until the device is done."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Start, or stop."""
        if batch_idx + 1 in (GPU_WARM, GPU_WARM + GPU_STEPS):
            torch.cuda.synchronize()
            now = time.perf_counter()
            self.seconds, self.start = (now - getattr(self, "start", now)), now


def measure_gpu(name: str, size: int) -> Figure:
    """Compare training from a store, transformed on the GPU, with steps on one batch that lies there, both in bf16."""
    count = GPU_BATCHES[size]
    what = f"training of {name} in bf16 at {size} px, batches of {count}, vs the same steps on data held on the GPU"
    if not torch.cuda.is_available():
        nothing = float("nan")
        return Figure(f"{what}: not measured, no GPU is here", nothing, nothing, nothing, "speed ratio", "≥ 0.9")
    data = MemoryData((GPU_WARM + GPU_STEPS) * count, size, count, StandardTransform())
    model, clock = build_classifier(name).cuda(), Clock()
    module = ChestXrayModule(model, BCE(), partial(torch.optim.Adam, lr=0))
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(
            data, RunFolder(Path(folder)), clock, accelerator="gpu", devices=1, precision="bf16-mixed"
        )
        trainer.fit(module, data)
    image, target = torch.rand(count, 1, size, size).cuda(), torch.zeros(count, 14).cuda()
    model, loss, optimizer = model.cuda(), BCE(), torch.optim.Adam(model.parameters(), lr=0)
    for number in range(GPU_WARM + GPU_STEPS):
        if number == GPU_WARM:
            torch.cuda.synchronize()
            start = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16):
            value = loss(model(image), target)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    torch.cuda.synchronize()
    held = time.perf_counter() - start
    return Figure(what, clock.seconds / GPU_STEPS, held / GPU_STEPS, held / clock.seconds, "speed ratio", "≥ 0.9")
