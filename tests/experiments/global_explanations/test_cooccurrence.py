"""Which findings come together."""

import numpy as np
import pytest

from cxr_xai.experiments.estimates import estimates
from cxr_xai.experiments.global_explanations import cooccurrence
from cxr_xai.experiments.global_explanations.cooccurrence import (
    PAIRS,
    make_pairs,
    pair_labels,
    pair_logits,
    pair_maps,
    pair_predictions,
    relate,
)
from cxr_xai.findings import FINDINGS

RNG = np.random.default_rng(0)
N, K = 400, len(FINDINGS)
PATIENTS = np.array([f"p{n // 2}" for n in range(N)])
TARGET = (RNG.random((N, K)) < 0.3).astype(float)
TARGET[:, 1] = TARGET[:, 0]  # always together
FIRST = PAIRS.index((0, 1))


def test_labels() -> None:
    found = pair_labels(TARGET, PATIENTS, 40)
    assert found["phi"][FIRST] == pytest.approx(1)
    assert found["lift"][FIRST] == pytest.approx(1 / TARGET[:, 0].mean())
    others = np.delete(found["phi"], [FIRST])
    assert np.abs(others).max() < 0.25
    assert (found["phi low"] <= found["phi"]).all()
    assert (found["lift low"] <= found["lift"] + 1e-9).all()
    assert (found["lift high"] >= found["lift"] - 1e-9).all()


def test_an_absent_finding_has_no_lift_and_unknown_labels_are_left_out() -> None:
    target = TARGET.copy()
    target[:, 2] = 0
    target[0] = np.nan
    found = pair_labels(target, PATIENTS, 10)
    assert np.isnan(found["lift"][PAIRS.index((0, 2))])
    assert np.isnan(found["phi"][PAIRS.index((0, 2))])
    assert np.isfinite(found["phi"][PAIRS.index((0, 3))])


def test_predictions_on_the_studies_that_have_labels() -> None:
    target, pred = TARGET.copy(), TARGET > 0
    target[:100, 0] = np.nan
    pred[:, 3] = pred[:, 2]  # decided together, though the labels are not
    pred[:100, 4:6] = True  # where labels are unknown
    found, labels = pair_predictions(pred, target, PATIENTS, 40), pair_labels(target, PATIENTS, 40)
    together = PAIRS.index((2, 3))
    assert found["predicted phi"][together] == pytest.approx(1)
    assert found["predicted lift"][together] == pytest.approx(1 / pred[100:, 2].mean())
    assert abs(labels["phi"][together]) < 0.25
    assert found["predicted phi"][PAIRS.index((4, 5))] == pytest.approx(labels["phi"][PAIRS.index((4, 5))])
    assert found["predicted lift low"][together] < found["predicted lift high"][together]


def test_logits_beyond_labels() -> None:
    noise = RNG.standard_normal((N, K))
    noise[:, 4] = noise[:, 3]  # said together, whatever the labels
    logits = 5 * TARGET + noise
    found = pair_logits(logits, TARGET, PATIENTS, 40)["correlation"]
    assert found[PAIRS.index((3, 4))] == pytest.approx(1)
    assert abs(found[FIRST]) < 0.2  # together in labels only


def test_maps() -> None:
    maps = RNG.standard_normal((20, K, 6, 6))
    maps[:, 6] = 2 * maps[:, 5] + 1
    maps[0, 7] = 0
    found = pair_maps(maps, PATIENTS[:20], 40)
    assert found["similarity"][PAIRS.index((5, 6))] == pytest.approx(1)
    assert abs(found["similarity"][FIRST]) < 0.15
    assert found["films"][PAIRS.index((0, 7))] == 19
    assert found["films"][FIRST] == 20


def test_a_pair_is_as_sure_as_its_own_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = []
    monkeypatch.setattr(cooccurrence, "estimates", lambda *told: behind.append(told[2]) or estimates(*told))
    maps = RNG.standard_normal((40, K, 4, 4))
    maps[3:, 7] = 0  # three patients are left of one finding
    found = pair_maps(maps, np.array([f"p{n}" for n in range(40)]), 100)
    few, width = PAIRS.index((0, 7)), found["similarity high"] - found["similarity low"]
    assert (behind[0][few], behind[0][FIRST]) == (3, 40)
    assert width[few] > 2 * width[FIRST]


def test_a_pair_without_a_film_is_undefined() -> None:
    maps = RNG.standard_normal((6, K, 4, 4))
    maps[:, 7] = 0
    found = pair_maps(maps, PATIENTS[:6], 20)
    assert np.isnan(found["similarity"][PAIRS.index((0, 7))])
    assert np.isnan(found["similarity low"][PAIRS.index((0, 7))])


def test_one_row_a_pair() -> None:
    columns = {key: RNG.standard_normal(len(PAIRS)) for key in ("phi", "predicted phi", "correlation")}
    pairs = make_pairs({**columns, "similarity": columns["phi"] ** 3})
    assert len(pairs) == 91
    assert relate(pairs)["labels and maps"] == pytest.approx(1)
