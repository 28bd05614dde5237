"""Random numbers that belong to an image, not to a worker, a rank or the moment.

Every draw is a function of (seed, epoch, study), so it is the same in any process and after any resumption.
"""

import numpy as np
import torch
from torch import Tensor


def draw_uniform(seed: int, epoch: int, index: Tensor, count: int) -> Tensor:
    """Return ``(N, count)`` float32 uniform in [0, 1), one independent stream per (seed, epoch, study).

    Philox is counter-based: setting key and counter is all the state there is.

    >>> rows = torch.tensor([5, 9])
    >>> torch.equal(draw_uniform(0, 3, rows, 4)[1], draw_uniform(0, 3, rows[1:], 4)[0])
    True
    """
    draws = [
        np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, int(row)])).random(count)
        for row in index.tolist()
    ]
    return torch.from_numpy(np.asarray(draws, np.float32).reshape(len(draws), count))
