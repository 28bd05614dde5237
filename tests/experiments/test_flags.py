"""Each flag is raised where it should be, with its numbers, and nowhere else."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.experiments.flags import (
    flag_beyond_published,
    flag_label_only,
    flag_maps,
    flag_never_predicted,
    flag_patients,
    flag_val_above_test,
    flag_weights,
    raise_flags,
)
from cxr_xai.findings import FINDINGS


def predict(val_shift: float, test_shift: float, patients: int = 150, prevalence: float = 0.3) -> pd.DataFrame:
    """Two films a patient; positives score higher by the shift."""
    tables = []
    for seed, (part, shift) in enumerate({"val": val_shift, "test": test_shift}.items()):
        random = np.random.default_rng(seed)
        share = 0.3 if part == "val" else prevalence
        for name in FINDINGS:
            target = (random.uniform(size=2 * patients) < share).astype(float)
            score = random.normal(size=2 * patients) + shift * target
            table = pd.DataFrame({"target": target, "prob": 1 / (1 + np.exp(-score))})
            table["pred"] = (score > 0.5).astype(int)
            table["image_id"] = [f"{part}{number:04d}" for number in range(2 * patients)]
            table["patient_id"] = [f"{part}{number // 2}" for number in range(2 * patients)]
            tables.append(table.assign(part=part, finding=name))
    return pd.concat(tables, ignore_index=True)


def part(auroc: float) -> dict[str, Any]:
    rows = {name: {"auroc": {"value": auroc}} for name in FINDINGS}
    return {"macro": {"auroc": {"value": auroc}}, "findings": rows}


@pytest.mark.parametrize(
    ("source", "split", "auroc", "raised"),
    [
        ("nih", "official", 0.85, True),
        ("nih", "official", 0.83, False),
        ("nih", "patient", 0.9, False),
        ("phantom", "official", 0.9, False),
        ("nih", "official", float("nan"), False),
    ],
)
def test_above_everything_published(source: str, split: str, auroc: float, raised: bool) -> None:
    flag = flag_beyond_published({"source": source, "split": split}, part(auroc))
    assert (flag is not None) == raised
    if flag:
        assert flag.numbers == {"mean AUROC": 0.85, "best published": 0.834}


def test_val_above_test_beyond_chance() -> None:
    flag = flag_val_above_test(predict(2.0, 1.0), 200)
    assert flag is not None
    assert flag.numbers["val AUROC"] - flag.numbers["test AUROC"] > 0.1
    assert 0 < flag.numbers["gap from"] < flag.numbers["gap to"]
    assert flag_val_above_test(predict(1.0, 1.0), 200) is None
    assert flag_val_above_test(predict(1.0, 2.0), 200) is None, "test above val is no such flag"


def test_patients_unknown() -> None:
    flag = flag_patients({"source": "vindr", "about": {"patients": "one a film, for none are published"}})
    assert flag is not None
    assert "may lie in training and in test" in flag.words
    assert flag_patients({"source": "rsna", "about": {"patients": "those of NIH"}}) is None
    assert flag_patients({"source": "nih", "about": {}}) is None


def test_another_prevalence_raises_nothing() -> None:
    assert flag_val_above_test(predict(1.5, 1.5, prevalence=0.05), 200) is None


def test_a_gap_within_chance_raises_nothing() -> None:
    few = predict(1.5, 1.0, patients=3)
    flag = flag_val_above_test(few, 200)
    assert flag is None or flag.numbers["gap from"] > 0


def test_a_model_without_films() -> None:
    alone = {"findings": {name: {"value": 0.6} for name in FINDINGS}, "macro": {"value": 0.6}}
    assert flag_label_only(part(0.8), alone) is None
    assert flag_label_only(part(0.8), None) is None
    close = flag_label_only(part(0.64), alone)
    assert close is not None
    assert close.numbers["mean AUROC"] == pytest.approx(0.64)
    assert set(FINDINGS) <= set(close.numbers)
    assert "Age, sex and view alone come close" in close.words
    alone["findings"]["Edema"] = {"value": 0.79}
    alone["findings"]["Hernia"] = {"value": float("nan")}
    one = flag_label_only(part(0.8), alone)
    assert one is not None
    assert set(one.numbers) == {"mean AUROC", "without films", "Edema"}
    assert "In these findings" in one.words


def test_never_predicted() -> None:
    predictions = predict(1.0, 1.0)
    assert flag_never_predicted(predictions) is None
    names = list(FINDINGS[:7])
    never = predictions.assign(pred=predictions["pred"].where(~predictions["finding"].isin(names), 0))
    flag = flag_never_predicted(never)
    assert flag is not None
    assert flag.numbers == {"findings never predicted": 7, "of": 14}
    assert (
        flag_never_predicted(never.assign(pred=predictions["pred"].where(predictions["finding"] != "Mass", 0))) is None
    )


def half(iou: float, high: float, dead: int = 0, over: int = 8) -> dict[str, Any]:
    macro = {"over": over, "iou": {"value": iou}, "prior_iou": {"value": 0.3}}
    skill = {"value": iou - 0.3, "low": high - 0.1, "high": high}
    return {"exact_cam": {"sealed": {"macro": {**macro, "skill": skill}, "micro": {"dead": dead, "pairs": 100}}}}


def test_maps() -> None:
    assert list(flag_maps({})) == list(flag_maps({"exact_cam": {"monitored": {}}})) == []
    assert list(flag_maps(half(0.4, 0.2, dead=50))) == []
    [below] = flag_maps(half(0.2, -0.05))
    assert "maps below the prior (exact_cam)" in below.name
    assert "rely on something else" in below.words
    [unsure] = flag_maps(half(0.29, 0.1))
    assert "not beyond doubt" in unsure.words
    [dead] = flag_maps(half(0.4, 0.2, dead=51))
    assert dead.numbers == {"dead": 51, "of": 100}
    assert list(flag_maps(half(float("nan"), float("nan"), over=0))) == []


@pytest.mark.parametrize(
    ("trained_on", "known_by", "seen", "name"),
    [
        ([], None, [], None),
        (["imagenet"], "hash", [], None),
        (["run a (nih, split 01234567, 5 images)", "imagenet"], "run", [], None),
        (["unknown"], None, [], "weights of unknown origin"),
        (["run a (nih, split 01234567, 5 images)", "unknown"], "run", [], "weights of unknown origin"),
        (["nih:train_val"], "name", ["val"], "weights that have seen val"),
        (["mimic"], "name", [], "weights known by their name alone"),
    ],
)
def test_weights(trained_on: list[str], known_by: str | None, seen: list[str], name: str | None) -> None:
    flag = flag_weights({"trained_on": trained_on, "known_by": known_by, "seen": seen})
    assert (flag and flag.name) == name
    assert flag_weights(None) is None


def test_flags_are_plain() -> None:
    summary = {"protocol": {"source": "nih", "split": "official"}, "classification": {"test": part(0.9)}}
    flags = raise_flags({**summary, "label_only": None, "localization": {}}, predict(1.0, 1.0), 50)
    assert [flag["name"] for flag in flags] == ["above everything published"]
    assert set(flags[0]) == {"name", "numbers", "words"}
