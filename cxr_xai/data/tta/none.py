"""The plain film alone."""

from torch import Tensor

from cxr_xai.data.tta.contract import PLAIN, Predict


class NoTta:
    """Predicts from the film as it is."""

    label = PLAIN

    def __call__(self, predict: Predict, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` films → ``(N, K)`` logits."""
        return predict(image)
