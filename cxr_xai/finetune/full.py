"""Everything trains from the first epoch on."""

from collections.abc import Sequence

from cxr_xai.finetune.contract import Finetune


class Full(Finetune):
    """All groups, always."""

    freezes = False

    def trains(self, groups: Sequence[str], epoch: int) -> tuple[str, ...]:
        """Return all groups."""
        return tuple(groups)
