"""Binary cross-entropy and focal loss, mixed: all labels keep a say, hard ones a larger one."""

from torch import Tensor

from cxr_xai.errors import UserError
from cxr_xai.losses.bce import bce
from cxr_xai.losses.focal import Alpha, Focal, focal


class BCEFocal(Focal):
    """Mean of ``w BCE + (1 - w) focal`` over known labels, the mix that this project began with.

    Args:
        weight: in [0, 1]; share of cross-entropy. 0 is ``Focal``, 1 is ``BCE``.
        gamma: of the focal part.
        alpha: of the focal part.
        smoothing: see ``Loss``.
        prevalence: see ``Focal``.
    """

    def __init__(
        self,
        weight: float = 0.5,
        gamma: float = 2.0,
        alpha: Alpha = None,
        smoothing: float = 0.0,
        prevalence: Tensor | None = None,
    ) -> None:
        super().__init__(gamma, alpha, smoothing, prevalence)
        if not 0 <= weight <= 1:
            raise UserError(f"loss.weight is {weight}; it is the share of cross-entropy, between 0 and 1.")
        self.weight = weight

    def elementwise(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``(N, K)`` losses."""
        return self.weight * bce(logits, target) + (1 - self.weight) * focal(logits, target, self.gamma, self.alpha)
