"""No randomness: what validation, test and every explanation see."""

from torch import Tensor

from cxr_xai.types import Batch


def to_unit(image: Tensor) -> Tensor:
    """Turn ``(N, 1, H, W)`` uint8 gray levels into float32 in [0, 1]."""
    return image.float().div_(255)


class NoTransform:
    """Scales gray levels to [0, 1] and changes nothing else."""

    def __call__(self, batch: Batch, epoch: int) -> Batch:
        """Return the batch with float images."""
        return Batch(batch.index, to_unit(batch.image), batch.target)
