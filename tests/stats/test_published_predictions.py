"""Equal arms and planted differences, made from a published network's predictions of real films."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import binom

from cxr_xai.stats.compare import compare_arms
from cxr_xai.stats.paired import bootstrap_p, pair_folds, paired_bootstrap
from cxr_xai.stats.permutation import permutation_p, permute_arms
from cxr_xai.stats.weightings import mean_defined

NAMES = ("Atelectasis", "Cardiomegaly", "Effusion", "Mass")


class Published(NamedTuple):
    target: np.ndarray
    logits: np.ndarray
    codes: np.ndarray


@pytest.fixture(scope="module")
def published(shared: Path) -> Published:
    file = shared / "golden/preds.csv"
    if not file.exists():
        pytest.skip("the published predictions are not here")
    columns = ["Image Index", "Finding Labels", "Patient ID"]
    entry = pd.read_csv(shared / "nih-chestxray14/Data_Entry_2017_v2020.csv", usecols=columns)
    table = pd.read_csv(file).merge(entry, on="Image Index", validate="one_to_one")
    target = np.array([[name in of.split("|") for name in NAMES] for of in table["Finding Labels"]], dtype=float)
    probs = table[[f"prob_{name}" for name in NAMES]].to_numpy(float)
    return Published(target, logit(np.clip(probs, 1e-7, 1 - 1e-7)), table["Patient ID"].to_numpy())


def some_patients(data: Published, rng: np.random.Generator, count: int) -> Published:
    rows = np.isin(data.codes, rng.choice(np.unique(data.codes), count, replace=False))
    return Published(data.target[rows], data.logits[rows], np.unique(data.codes[rows], return_inverse=True)[1])


def perturb(data: Published, rng: np.random.Generator, spread: float = 0.7) -> np.ndarray:
    """Predictions with noise of the patient and of the image, as another training would make."""
    shape = (data.codes.max() + 1, data.logits.shape[1])
    patient, image = rng.normal(size=shape)[data.codes], rng.normal(size=data.logits.shape)
    return expit(data.logits + spread * (patient + image))


@pytest.mark.parametrize("trials", [120, pytest.param(1000, marks=pytest.mark.slow)])
def test_equal_arms_are_told_apart_in_about_five_percent(published: Published, trials: int) -> None:
    # each trial: two perturbations of one prediction file on 800 patients (about 2,900 films), four findings and macro;
    # the band holds 99.9 % of binomial shares at .04 to .06
    p = []
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        data = some_patients(published, rng, 800)
        folds = pair_folds(data.target, [perturb(data, rng)], [perturb(data, rng)], data.codes)
        drawn, swapped = paired_bootstrap(folds, "auroc", 199, trial), permute_arms(folds, "auroc", 199, trial)
        difference = drawn.first - drawn.second
        by_swap = permutation_p([*difference, difference.mean()], np.column_stack([swapped, swapped.mean(axis=1)]))
        by_draw = bootstrap_p(np.column_stack([drawn.replicates, mean_defined(drawn.replicates)]))
        p.append([by_swap, by_draw])
    rejected = np.array(p) <= 0.05  # (trials, 2, findings and macro)
    for number, test in enumerate(("permutation", "bootstrap")):
        for name, found in (("macro", rejected[:, number, -1]), ("findings", rejected[:, number, :-1].ravel())):
            print(f"{test}, {name}: {found.mean():.4f} of {len(found)} rejected")
            low, high = binom.ppf(0.0005, len(found), 0.04), binom.ppf(0.9995, len(found), 0.06)
            assert low <= found.sum() <= high


def test_a_planted_effect_is_found(published: Published) -> None:
    rng = np.random.default_rng(0)
    data = some_patients(published, rng, 2500)
    first, second = ([perturb(data, rng, 0.3) for _ in range(3)] for _ in range(2))
    for probs in second:
        probs[:, 3] = expit(logit(probs[:, 3]) + 1.5 * rng.normal(size=len(probs)))  # Mass is blurred
    table = compare_arms(data.target, first, second, data.codes, "auroc", margin=0.02, names=NAMES, replicates=500)
    assert table.loc["Mass", "p_permutation"] == 1 / 2001
    assert table.loc["Mass", "low"] > 0.02
    assert (table.loc[list(NAMES[:3]), "p_permutation"] > 0.01).all()
    assert table.loc[list(NAMES[:3]), "equivalent"].all()
    assert table.loc["macro", "p_permutation"] < 0.01
