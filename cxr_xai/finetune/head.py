"""The head alone trains: a linear classifier on the features that the weights came with."""

from collections.abc import Sequence

from cxr_xai.finetune.contract import Finetune


class Head(Finetune):
    """The first group, always."""

    def trains(self, groups: Sequence[str], epoch: int) -> tuple[str, ...]:
        """Return the head."""
        return tuple(groups[:1])
