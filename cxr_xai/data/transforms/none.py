"""No randomness: what validation, test and every explanation see."""

from torch import Tensor

from cxr_xai.data.transforms.photometric import to_unit
from cxr_xai.data.transforms.transform import Transform


class NoTransform(Transform):
    """Scales gray levels to [0, 1] and changes nothing else."""

    def apply(self, films: Tensor, index: Tensor, epoch: int) -> Tensor:
        """Return the films as floats."""
        return to_unit(films)
