"""How rare each finding is beside the most common one, and which are rarer than most."""

import numpy as np
import numpy.typing as npt


def imbalance_ratios(targets: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return ``(K,)`` IRLbl: the frequency of the most common finding over the finding's own.

    Frequencies are over known labels; without positives the ratio is NaN. Charte et al., Addressing imbalance in
    multilabel classification, Neurocomputing 163, 2015 (https://doi.org/10.1016/j.neucom.2014.08.091).

    >>> imbalance_ratios(np.array([[1, 0, 0], [1, 1, 0], [1, np.nan, 0]], np.float32))
    array([ 1.,  2., nan])
    """
    positives, known = (targets == 1).sum(axis=0), (~np.isnan(targets)).sum(axis=0)
    frequency = np.divide(positives, known, out=np.full(len(known), np.nan), where=positives > 0)
    ratios: npt.NDArray[np.float64] = np.fmax.reduce(frequency, initial=0) / frequency
    return ratios


def minority_findings(targets: npt.NDArray[np.float32]) -> list[int]:
    """Return the columns with IRLbl above MeanIR, the mean over findings that have positives.

    >>> minority_findings(np.array([[1, 0], [1, 0], [1, 1]], np.float32))
    [1]
    """
    ratios = imbalance_ratios(targets)
    mean = np.mean(ratios, where=~np.isnan(ratios)) if (ratios > 0).any() else np.inf
    return np.flatnonzero(ratios > mean).tolist()
