"""What one pass over boxed studies yields, for consumers to score, draw, log and store."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor


@dataclass(frozen=True)
class Explained:
    """Maps of a set of studies.

    Attributes:
        explainer: its name.
        epoch: the epoch whose weights were explained.
        half: ``monitored``, ``sealed`` or ``selection``.
        rows: ``(n,)`` table rows, ascending.
        attribution: ``(n, K, h, w)`` raw maps, float32 on the CPU.
        logits: ``(n, K)``.
        scores: one row per study and boxed finding, the columns of ``localization.parquet``.
        regions: ``(len(scores), 4)`` box of each map's region, NaN where dead.
    """

    explainer: str
    epoch: int
    half: str
    rows: npt.NDArray[np.int64]
    attribution: Tensor
    logits: Tensor
    scores: pd.DataFrame
    regions: npt.NDArray[np.float32]
