import numpy as np

from cxr_xai.metrics.found import T, above, agreement


def test_found_is_above_and_not_at_the_threshold() -> None:
    iou = np.array([0.1, 0.35, 1.0, np.nan], np.float32)
    assert above(iou).sum(axis=1).tolist() == [0, 3, 7, 0]
    assert len(T) == 7


def test_agreement_asks_for_both() -> None:
    iou, pointing = np.array([0.1, 0.099, 0.9, 0.9, np.nan], np.float32), [1, 1, 0, 0.25, np.nan]
    assert agreement(iou, pointing).tolist() == [1, 0, 0, 0.25, 0]
