"""Curves in a graph are the curves of val, and cuts on logits decide as thresholds on probabilities do."""

import numpy as np
import pytest
import torch

from cxr_xai.experiments.export.curves import Curves, find_cuts
from cxr_xai.metrics.calibration.contract import Calibrator, Curve, Line, Steps
from cxr_xai.metrics.calibration.isotonic import fit_isotonic
from cxr_xai.metrics.decision import Decision
from cxr_xai.metrics.thresholds.contract import Cut

STEEP = Steps("isotonic", (-1.0, float(np.nextafter(np.float32(-1), np.float32(0))), 2.0), (0.1, 0.4, 0.9))


def make_decision(curves: list[Curve], thresholds: list[float | None]) -> Decision:
    cuts = tuple(Cut("f1", at) for at in thresholds)
    return Decision(tuple(f"f{k}" for k in range(len(curves))), Calibrator(tuple(curves)), cuts, 0)


def test_ramps_by_hand() -> None:
    curves = Curves([Steps("isotonic", (0.0, 1.0, 3.0), (0.2, 0.6, 0.8)), Line("platt", 2.0, -1.0)])
    found = curves(torch.tensor([[-5.0, 0.5], [0.5, 0.5], [2.0, 0.5], [9.0, 0.5]]))
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.5], [0.4, 0.5], [0.7, 0.5], [0.8, 0.5]]))


def test_one_knot_is_level() -> None:
    found = Curves([Steps("isotonic", (0.5,), (0.3,))])(torch.tensor([[-9.0], [9.0]]))
    assert found.flatten().tolist() == pytest.approx([0.3, 0.3])


def test_knots_that_are_neighbors_in_single_precision() -> None:
    logits = torch.tensor([[-1.0], [STEEP.logits[1]], [0.5]])
    expected = Calibrator((STEEP,)).apply(logits.numpy())
    np.testing.assert_allclose(Curves([STEEP])(logits).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_graph_and_cuts_are_what_val_decided(seed: int) -> None:
    random = np.random.default_rng(seed)
    z = np.round(random.normal(0, 2, random.integers(2, 300)), random.integers(1, 7)).astype(np.float32)
    curve = fit_isotonic((random.random(len(z)) < 1 / (1 + np.exp(-z))).astype(float), z.astype(np.float64))
    near = [np.nextafter(z, np.float32(side)) for side in (-np.inf, np.inf)]
    logits = np.concatenate([z, *near, random.normal(0, 4, 20)]).astype(np.float32)[:, None]
    for threshold in random.choice(curve.probs, 3):  # on a plateau, as thresholds that val chose are
        decision = make_decision([curve], [threshold])
        calibrated = decision.calibrate(logits)
        np.testing.assert_allclose(Curves([curve])(torch.from_numpy(logits)).numpy(), calibrated, atol=2e-6)
        np.testing.assert_array_equal(logits >= find_cuts(decision), decision.predict(calibrated))


def test_cuts_by_hand() -> None:
    level = Line("platt", 0.0, 0.0)
    curves: list[Curve] = [Line(), level, level, Line(), Line()]
    found = find_cuts(make_decision(curves, [0.5, 0.5, 0.6, None, 0.0]))
    assert found[1:].tolist() == [-np.inf, np.inf, np.inf, -np.inf]
    assert found[0] == pytest.approx(0, abs=1e-15)  # the sigmoid of less rounds to one half
