"""What it costs to be able to go on at the very step."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cxr_xai.artifacts.checkpoint import WholeCheckpoints
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.losses.bce import BCE
from cxr_xai.models.classifier import build_classifier

INTERVAL = 200
"""``every_n_steps`` of the checkpoint callback."""


def measure_train(repeats: int) -> list[Figure]:
    """Compare writing a checkpoint of resnet50 with the training steps between two of them, batches of 32 at 224 px.

    The cost of a step on this machine is measured; a faster one has a larger share, which the second figure shows for
    a GPU that takes 0.15 s a step.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, loss = build_classifier("resnet50").to(device), BCE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    image, target = torch.rand(32, 1, 224, 224, device=device), torch.zeros(32, 14, device=device)
    step = partial(train_step, model, loss, optimizer, image, target)
    step()  # so that the optimizer has something to be written
    with tempfile.TemporaryDirectory() as folder:
        write = partial(write_checkpoint, model, optimizer, Path(folder))
        times = time_in_turns({"write": write, "step": step}, repeats)
    between = INTERVAL * times["step"]
    what = f"a checkpoint of resnet50 with its optimizer, vs {INTERVAL} training steps on this {device.type}"
    share = times["write"] / (between + times["write"])
    figures = [Figure(what, times["write"], between, share, "share of the time", "≤ 0.02")]
    if device.type == "cpu":
        fast = INTERVAL * 0.15
        what = f"the same, vs {INTERVAL} steps of 0.15 s, as a GPU takes them"
        share = times["write"] / (fast + times["write"])
        figures.append(Figure(what, times["write"], fast, share, "share of the time", "≤ 0.05"))
    return figures


def write_checkpoint(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Write it as training does: beside the last one, which is kept."""
    checkpoint: dict[str, Any] = {"state_dict": model.state_dict(), "optimizer_states": [optimizer.state_dict()]}
    WholeCheckpoints({}).save_checkpoint(checkpoint, folder / "last.ckpt", storage_options=folder / "previous.ckpt")


def train_step(
    model: nn.Module, loss: nn.Module, optimizer: torch.optim.Optimizer, image: torch.Tensor, target: torch.Tensor
) -> None:
    """One step; on a GPU until it is done."""
    model.train()
    optimizer.zero_grad()
    loss(model(image), target).backward()
    optimizer.step()
    if image.device.type == "cuda":
        torch.cuda.synchronize()
