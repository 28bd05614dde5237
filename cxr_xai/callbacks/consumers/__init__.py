"""Each takes one pass of maps and does one thing with it."""

from typing import Protocol

from lightning import Trainer

from cxr_xai.callbacks.explained import Explained


class Consumer(Protocol):
    """A user of maps."""

    def consume(self, explained: Explained, trainer: Trainer) -> dict[str, float]:
        """Use the maps; return scalars to log (``probe/...``), equal on all ranks."""
        ...
