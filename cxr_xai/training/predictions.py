"""Logits gathered over batches and processes, each study once."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class Predictions(Metric):
    """Collects (row, logits, target); under several processes torchmetrics joins what all ranks saw.

    Padded duplicates, which make all ranks take the same number of steps, are dropped by row.
    """

    full_state_update = False
    index: list[Tensor]
    logits: list[Tensor]
    target: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("index", "logits", "target"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, index: Tensor, logits: Tensor, target: Tensor) -> None:
        """Take a batch: ``(N,)`` rows, ``(N, K)`` logits and targets."""
        self.index.append(index)
        self.logits.append(logits.detach().float())
        self.target.append(target)

    def compute(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return rows in ascending order, and their logits and targets, on the CPU."""
        index, logits, target = (dim_zero_cat(state).cpu() for state in (self.index, self.logits, self.target))
        order = torch.argsort(index, stable=True)
        first = torch.ones(len(order), dtype=torch.bool)
        first[1:] = index[order][1:] != index[order][:-1]
        kept = order[first]
        return index[kept], logits[kept], target[kept]

    def joined(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return what ``compute`` does, with one dimension for rows also where there is one study.

        torchmetrics turns any one-element tensor that ``compute`` returns into a scalar.
        """
        index, logits, target = self.compute()
        return index.reshape(-1), logits, target
