"""Joins what is known about evidence with a term of the loss."""

from dataclasses import dataclass

from torch import Tensor

from cxr_xai.data.evidence.grid import EvidenceSource
from cxr_xai.guidance.contract import Guidance
from cxr_xai.types import Batch


@dataclass(frozen=True)
class Guide:
    """Judges the maps of a batch by the evidence that is known of it.

    Attributes:
        term: what of a map is penalized.
        evidence: where evidence may lie.
    """

    term: Guidance
    evidence: EvidenceSource

    def __call__(self, maps: Tensor, batch: Batch, epoch: int) -> Tensor:
        """Return the unweighted term of every guided pair.

        Args:
            maps: ``(N, K, h, w)`` float32 exact class activation maps with their graph.
            batch: served, in the same order.
            epoch: of training.

        Returns:
            ``(M,)`` float32; none where nothing is known of the batch.
        """
        known = self.evidence(batch, (maps.shape[-2], maps.shape[-1]), epoch)
        return self.term(maps[known.row, known.finding], known.mask)
