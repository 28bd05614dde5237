"""What every calibration promises; runs over all of ``conf/calibration``."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.metrics.calibration.contract import Calibration, Calibrator, Line, Steps, sigmoid
from cxr_xai.metrics.classification import auroc

NAN = np.nan
Floats = npt.NDArray[np.float64]


@pytest.fixture
def calibration(calibration_settings: dict[str, Any]) -> Calibration:
    return build(calibration_settings, "calibration")


def draw(seed: int, n: int = 600, k: int = 3, scale: float = 3.0) -> tuple[Floats, Floats]:
    """Logits that are too large by ``scale``, a tenth of the targets unknown."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * scale
    target = (rng.random((n, k)) < sigmoid(logits / scale)).astype(float)
    return logits, np.where(rng.random((n, k)) < 0.1, NAN, target)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), scale=st.floats(0.01, 100))
def test_curves_never_fall_and_stay_within_0_and_1(
    calibration_settings: dict[str, Any], seed: int, scale: float
) -> None:
    logits, target = draw(seed, scale=scale)
    fitted = build(calibration_settings, "calibration").fit(logits, target)
    grid = np.linspace(-1000, 1000, 2001)[:, None].repeat(3, 1)
    probs = fitted.apply(np.sort(np.concatenate([grid, logits]), axis=0))
    assert np.isfinite(probs).all()
    assert ((probs >= 0) & (probs <= 1)).all()
    assert (np.diff(probs, axis=0) >= -1e-12).all()


def test_what_is_unknown_has_no_say(calibration: Calibration) -> None:
    logits, target = draw(0)
    changed = np.where(np.isnan(target), 50.0, logits)
    assert calibration.fit(changed, target) == calibration.fit(logits, target)


def test_the_order_of_studies_does_not_matter(calibration: Calibration) -> None:
    logits, target = draw(1)
    one, other = calibration.fit(logits, target), calibration.fit(logits[::-1], target[::-1])
    np.testing.assert_allclose(one.apply(logits), other.apply(logits), atol=1e-6)


@pytest.mark.parametrize("magnitude", [1.0, 100.0])
@pytest.mark.parametrize("known", ["nothing", "present", "absent", "separated"])
def test_whatever_val_holds_the_answer_is_finite(calibration: Calibration, magnitude: float, known: str) -> None:
    logits = np.tile([[magnitude], [-magnitude]], (300, 2))
    target = {
        "nothing": np.full((600, 2), NAN),
        "present": np.ones((600, 2)),
        "absent": np.zeros((600, 2)),
        "separated": (logits > 0).astype(float),
    }[known]
    probs = calibration.fit(logits, target).apply([[-magnitude, 0.0], [magnitude, 0.0]])
    assert np.isfinite(probs).all()
    assert probs[0, 0] <= probs[1, 0]
    if known != "separated":  # one kind of label says nothing about the curve
        np.testing.assert_array_equal(probs, sigmoid([[-magnitude, 0.0], [magnitude, 0.0]]))


def test_equal_logits_are_no_trouble(calibration: Calibration) -> None:
    target = np.tile([[1.0], [0.0], [0.0]], (400, 2))
    probs = calibration.fit(np.full((1200, 2), -3.0), target).apply([[-3.0, -3.0]])
    assert np.isfinite(probs).all()


def test_an_empty_val_leaves_sigmoids(calibration: Calibration) -> None:
    fitted = calibration.fit(np.empty((0, 2)), np.empty((0, 2)))
    assert fitted == Calibrator((Line(), Line()))


def test_rankings_stay_where_curves_are_lines(calibration: Calibration) -> None:
    logits, target = draw(2)
    fitted = calibration.fit(logits, target)
    if all(isinstance(curve, Line) and curve.slope > 0 for curve in fitted.curves):
        np.testing.assert_array_equal(auroc(target, fitted.apply(logits)), auroc(target, logits))
    else:  # plateaus tie studies, which can only be seen from outside as a small change
        np.testing.assert_allclose(auroc(target, fitted.apply(logits)), auroc(target, logits), atol=0.02)


def test_bad_logits_are_said(calibration: Calibration) -> None:
    with pytest.raises(UserError, match="not finite"):
        calibration.fit([[NAN]], [[1.0]])
    with pytest.raises(UserError, match="must be"):
        calibration.fit([[0.0, 1.0]], [[1.0]])
    fitted = calibration.fit(*draw(3))
    with pytest.raises(UserError, match=r"shape \(1, 2\) and curves of 3"):
        fitted.apply([[0.0, 0.0]])


@pytest.mark.parametrize("values", [{"slope": -1.0}, {"slope": NAN}, {"intercept": np.inf}])
def test_a_line_that_is_none_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(UserError, match="a slope is finite"):
        Line("platt", **values)


@pytest.mark.parametrize(
    ("logits", "probs"),
    [
        ((), ()),
        ((0.0,), (0.1, 0.2)),
        ((1.0, 0.0), (0.1, 0.2)),
        ((0.0, 0.0), (0.1, 0.2)),
        ((0.0, 1.0), (0.2, 0.1)),
        ((0.0, 1.0), (-0.1, 0.1)),
        ((0.0, 1.0), (0.1, 1.1)),
        ((0.0, NAN), (0.1, 0.2)),
        ((0.0, 1.0), (0.1, NAN)),
    ],
)
def test_steps_that_are_no_curve_are_refused(logits: tuple[float, ...], probs: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="found knots that are no curve"):
        Steps("isotonic", logits, probs)


def test_steps_by_hand() -> None:
    steps = Steps("isotonic", (0.0, 1.0, 3.0), (0.1, 0.5, 0.7))
    np.testing.assert_allclose(steps.apply(np.array([-9, 0, 0.5, 1, 2, 3, 9])), [0.1, 0.1, 0.3, 0.5, 0.6, 0.7, 0.7])


def test_lines_by_hand() -> None:
    # sigmoid(2 · log 3 - log 3) = 3/4
    assert Line("platt", 2.0, -np.log(3)).apply(np.array([np.log(3)])) == pytest.approx(0.75)
    assert sigmoid([-1000, 0, 1000]).tolist() == [0, 0.5, 1]
