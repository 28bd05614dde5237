"""No balancing changes nothing."""

import numpy as np

from cxr_xai.data.balancing.none import NoBalancing
from cxr_xai.data.balancing.plan import BalancePlan


def test_empty_plan() -> None:
    assert NoBalancing().plan(np.eye(3, dtype=np.float32)) == BalancePlan(None, None)
