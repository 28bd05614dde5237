"""A loader whose epoch can begin where it was cut."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from cxr_xai.data.sampling import EpochSampler
from cxr_xai.errors import UserError
from cxr_xai.types import Batch


class StudyLoader(DataLoader[Batch]):
    """Batches in the order of an ``EpochSampler``; its state is how many of the epoch were handed out.

    Batches that worker processes have made ahead are not counted, and after a cut no film is decoded for a batch that
    was trained on.
    """

    batches = 0
    _begin = 0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # torch names a class of its own; nobody needs it
        """Hand out the batches of an epoch, after a cut those that are left of it."""
        assert isinstance(self.sampler, EpochSampler)
        assert self.batch_size is not None
        self.batches, self._begin = self._begin, 0
        self.sampler.begin = self.batches * self.batch_size
        for batch in super().__iter__():
            self.batches += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return how many batches of the epoch were handed out, and of films in shards what their order hangs on."""
        assert isinstance(self.sampler, EpochSampler)
        layout = self.sampler.layout
        return {"batches": self.batches} | ({} if layout is None else {"layout": layout})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass begin after these batches.

        Raises:
            UserError: films lie in other shards than they did, and would be visited in another order.
        """
        assert isinstance(self.sampler, EpochSampler)
        if state.get("layout") != self.sampler.layout:
            raise UserError(
                "films lie in other shards than when this run was cut off; name the former datamodule.shards, or start "
                "anew with fresh=true."
            )
        self._begin = int(state["batches"])
