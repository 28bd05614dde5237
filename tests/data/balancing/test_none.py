"""No balancing changes nothing."""

import numpy as np

from cxr_xai.data.balancing.none import NoBalancing
from cxr_xai.data.balancing.plan import BalancePlan, TrainingPart


def test_empty_plan() -> None:
    part = TrainingPart(np.eye(3, dtype=np.float32), np.zeros((3, 32, 32), np.uint8))
    assert NoBalancing().plan(part) == BalancePlan(None, None, None, {})
