"""What every member of the ``guidance`` group promises."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from cxr_xai.errors import UserError

Needs = Literal["boxes", "regions", "body"] | None

FAINT = 0.1
"""Of a logit: positive evidence that sums to less is divided by this much. Shares of next to nothing have gradients
without bound; so they have none above 1 / FAINT per logit."""


@dataclass(frozen=True)
class Guidance:
    """A term of the loss on maps whose evidence should lie inside a mask.

    Attributes:
        needs: which evidence the masks come from; None for the member that guides nothing.

    Args:
        weight: of the term beside the loss of the labels.
    """

    weight: float = 1.0
    needs: ClassVar[Needs] = None

    def __post_init__(self) -> None:
        """Refuse a weight that would push evidence out of the masks."""
        if not 0 <= self.weight < float("inf"):
            raise UserError(f"guidance.weight is {self.weight}; it must be 0 or more.")

    def __call__(self, maps: Tensor, mask: Tensor) -> Tensor:
        """Return the unweighted term of each map.

        Args:
            maps: ``(M, h, w)`` float32, signed, summing to the logit minus its bias.
            mask: ``(M, h, w)`` in [0, 1], how much of each cell is inside; no mask is empty.

        Returns:
            ``(M,)`` float32, finite, differentiable once in the maps.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class BoxGuidance(Guidance):
    """A term that asks for evidence inside radiologists' boxes.

    Args:
        annotated_fraction: share of the boxed training patients whose boxes are used, chosen by hash; smaller shares
            are within larger ones.
    """

    annotated_fraction: float = 1.0
    needs: ClassVar[Needs] = "boxes"

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        super().__post_init__()
        if not 0 <= self.annotated_fraction <= 1:
            raise UserError(
                f"guidance.annotated_fraction is {self.annotated_fraction}; it must lie between 0 (no box) and 1 (all)."
            )
