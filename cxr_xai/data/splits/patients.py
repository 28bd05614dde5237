"""Per-patient counts, the common ground of all schemes."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.splits.exchange import exchange_groups
from cxr_xai.data.splits.stratify import stratify_groups
from cxr_xai.findings import FINDINGS


def stratify_patients(
    studies: pd.DataFrame, boxed_images: frozenset[str], fractions: list[float], seed: int
) -> npt.NDArray[np.int64]:
    """Divide the patients of ``studies``, balancing the 14 findings, boxed images and images.

    Args:
        studies: rows of the study table.
        boxed_images: image ids with a box; they are spread in proportion, so that every part has boxes.
        fractions: the share of images each part should get, summing to 1.
        seed: decides among equal patients.

    Returns:
        ``(rows,)`` part numbers, equal for all rows of a patient.
    """
    # Sorted, so that the two editions, whose rows stand in different orders, are divided alike.
    codes, _ = pd.factorize(studies["patient_id"], sort=True)
    columns = [
        np.nan_to_num(studies[list(FINDINGS)].to_numpy(np.float64)),
        studies["image_id"].isin(boxed_images).to_numpy(np.float64)[:, None],
        np.ones((len(studies), 1)),
    ]
    rows = np.hstack(columns)
    counts = np.zeros((codes.max() + 1 if len(codes) else 0, rows.shape[1]))
    np.add.at(counts, codes, rows)
    shares = np.asarray(fractions, np.float64)
    return exchange_groups(counts, stratify_groups(counts, shares, seed), shares, seed)[codes]
