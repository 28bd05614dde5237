from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.errors import UserError
from cxr_xai.metrics.skill import macro_skill, skill
from cxr_xai.stats.compare import adjust, compare_arms
from cxr_xai.stats.corrections import holm
from cxr_xai.stats.statistic import METRICS, mean_measure

NAMES = ("Mass", "Hernia", "Edema")


def arms(gain: float = 0.0, seeds: int = 3, n: int = 600) -> dict[str, Any]:
    """Patients of three images in four folds; the first arm is better in Mass by ``gain``; Hernia never occurs."""
    rng = np.random.default_rng(0)
    target = (rng.random((n, 3)) < [0.4, 0, 0.3]).astype(float)
    common = target + rng.normal(size=(n, 3))
    extra = gain * target * [1, 0, 0]
    first, second = (
        [1 / (1 + np.exp(-common - g - 0.3 * rng.normal(size=(n, 3)))) for _ in range(seeds)] for g in (extra, 0)
    )
    patients = np.repeat(np.arange(n // 3), 3)
    return {"target": target, "first": first, "second": second, "patients": patients, "fold": patients % 4}


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    return compare_arms(**arms(gain=0.6), metric="auroc", margin=0.05, names=NAMES, train_studies=400, replicates=500)


def test_a_planted_effect_is_found_where_it_is(planted: pd.DataFrame) -> None:
    assert planted.index.tolist() == [*NAMES, "macro"]
    assert planted.loc["Mass", "p_permutation"] == 1 / 1601  # 20 · 4 / .05 permutations
    assert planted.loc["Mass", "low"] > 0.05
    assert not planted.loc["Mass", "equivalent"]
    assert planted.loc["Edema", "p_permutation"] > 0.05
    assert planted.loc["Edema", "equivalent"]
    assert planted.loc["Mass", "p_corrected"] > planted.loc["Mass", "p_t"]
    assert planted.loc["macro", "difference"] == pytest.approx(planted["difference"][["Mass", "Edema"]].mean())
    assert (planted["low"] <= planted["difference"])[["Mass", "Edema", "macro"]].all()


def test_the_undefined_is_said(planted: pd.DataFrame) -> None:
    hernia = planted.loc["Hernia"]
    assert hernia[["first", "difference", "low", "p_permutation", "p_bootstrap", "p_t"]].isna().all()
    assert hernia["undefined"] == 500
    assert not hernia["equivalent"]
    assert (planted[["seeds", "folds"]] == [3, 4]).all(axis=None)


@pytest.mark.parametrize("metric", METRICS)
def test_arms_in_the_other_order_say_the_opposite(metric: str) -> None:
    data = arms(gain=0.3, seeds=1, n=120)
    if metric == "f1":
        data |= {arm: [(probs >= 0.6).astype(float) for probs in data[arm]] for arm in ("first", "second")}
    options = {"metric": metric, "margin": 0.01, "names": NAMES, "replicates": 60}
    ahead = compare_arms(**data, **options)
    behind = compare_arms(**data | {"first": data["second"], "second": data["first"]}, **options)
    np.testing.assert_allclose(behind["difference"], -ahead["difference"])
    np.testing.assert_allclose(behind["low"], -ahead["high"])
    for column in ("p_permutation", "p_bootstrap", "p_t", "equivalent"):
        np.testing.assert_allclose(behind[column].astype(float), ahead[column].astype(float))


def test_skill_is_compared_as_a_ratio_of_means() -> None:
    rng = np.random.default_rng(0)
    n = 200
    groups, patients = rng.integers(2, size=(n, 1)), rng.integers(90, size=n)
    prior, ceiling = rng.uniform(0.1, 0.3, n), rng.uniform(0.6, 0.8, n)
    first, second = (np.column_stack([rng.uniform(0.2, 0.6, n) + g, prior, ceiling]) for g in (0.1, 0))
    boxes = np.bincount(groups[:, 0])

    def of(means: np.ndarray) -> np.ndarray:
        trio = np.moveaxis(means, -1, 0)
        return np.column_stack([skill(*trio).skill, macro_skill(*trio, boxes)])

    measure = mean_measure(2, of)
    table = compare_arms(groups, [first], [second], patients, measure, 0.05, names=("Mass", "Edema", "macro"))
    means = np.array([first[groups[:, 0] == k].mean(axis=0) for k in range(2)])
    assert table.loc["macro", "first"] == pytest.approx(float(macro_skill(*means.T, boxes)))
    assert table.loc["Mass", "first"] == pytest.approx(skill(*means[0]).skill.item())
    assert table.loc["macro", "p_permutation"] == 1 / 1201
    assert table.loc["macro", "low"] > 0
    few = compare_arms(
        groups, [first], [second], patients, measure, 0.05, names=("Mass", "Edema", "macro"), behind=[4, np.inf, np.inf]
    )
    assert few.loc["Mass", "low"] < table.loc["Mass", "low"], "few patients: wider"
    assert few.loc["Edema", "low"] == table.loc["Edema", "low"]


def test_the_family_is_all_but_the_primary_row() -> None:
    one = pd.DataFrame({"p_permutation": [0.01, 0.04]}, index=pd.Index(["Mass", "macro"], name="finding"))
    two = pd.DataFrame({"p_permutation": [0.03, np.nan]}, index=one.index)
    joined = adjust({"a": one, "b": two}, primary=("a", "macro"))
    np.testing.assert_allclose(joined["p_holm"], [0.02, 0.04, 0.03, np.nan])
    assert joined["primary"].tolist() == [False, True, False, False]
    without = adjust({"a": one, "b": two})
    np.testing.assert_allclose(without["p_holm"], holm([0.01, 0.04, 0.03, np.nan]))
    with pytest.raises(UserError, match="primary contrast c, row macro: not among a, b"):
        adjust({"a": one, "b": two}, primary=("c", "macro"))


def test_refusals() -> None:
    data = arms(seeds=1, n=60)
    with pytest.raises(UserError, match="found 2000 permutations for a family of 8 tests; give at least 3200"):
        compare_arms(**data, metric="auroc", margin=0.1, names=NAMES, contrasts=2, permutations=2000)
    with pytest.raises(UserError, match="found 3 columns and 2 names; give one name per column"):
        compare_arms(**data, metric="auroc", margin=0.1, names=NAMES[:2])


def test_a_finding_that_nobody_labeled_is_undefined() -> None:
    data = arms(seeds=1, n=120)
    data["target"][:, 2] = np.nan
    table = compare_arms(**data, metric="auprc", margin=0.1, names=NAMES, replicates=50)
    assert table.loc["Edema", ["difference", "p_permutation", "p_t"]].isna().all()
    assert table.loc["macro", "difference"] == pytest.approx(table.loc["Mass", "difference"])
