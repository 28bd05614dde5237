"""Every study once an epoch, every label alike."""

from cxr_xai.data.balancing.plan import BalancePlan, TrainingPart


class NoBalancing:
    """Changes nothing."""

    def plan(self, part: TrainingPart) -> BalancePlan:
        """Return an empty plan."""
        return BalancePlan()
