"""The final three groups of layers train, the others stay as they came."""

from collections.abc import Sequence

from cxr_xai.finetune.contract import Finetune

COUNT = 3
"""``head``, ``layer4`` and ``layer3`` of a ResNet; ``head``, ``denseblock4+norm5`` and ``denseblock3+transition3`` of a
DenseNet: "the final three layers" as named groups, the linear layer being the last."""


class Last3(Finetune):
    """The first three groups from the head on, always."""

    def trains(self, groups: Sequence[str], epoch: int) -> tuple[str, ...]:
        """Return the head and the two groups before it."""
        return tuple(groups[:COUNT])
