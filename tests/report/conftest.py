"""A small run folder made by hand, with the project's own writers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import LOCALIZATION_COLUMNS, PREDICTION_COLUMNS, SCHEMA_VERSION, RunFolder
from cxr_xai.experiments.certify import make_card
from cxr_xai.files import write_json
from cxr_xai.findings import BOXED, FINDINGS

NONE = {"value": None, "low": None, "high": None}
SCORES = ("pointing", "energy", "iou", "prior_pointing", "prior_energy", "prior_iou", "ceiling_energy", "ceiling_iou")


def around(value: float, width: float = 0.03) -> dict[str, float]:
    return {"value": value, "low": round(value - width, 6), "high": round(value + width, 6)}


def classification(studies: int) -> dict[str, Any]:
    findings = {}
    for k, name in enumerate(FINDINGS):
        findings[name] = {
            "positives": 60 + k,
            "positive_patients": 90 + k,
            "negatives": studies - 60 - k,
            "prevalence": (60 + k) / studies,
            "auroc": around(0.701 + 0.011 * k),
            "auprc": 0.101 + 0.011 * k,
            "brier": 0.051 + 0.001 * k,
            "ece": 0.021 + 0.001 * k,
            "f1": 0.201 + 0.011 * k,
            "precision": 0.301 + 0.011 * k,
            "recall": 0.401 + 0.011 * k,
            "specificity": 0.801 + 0.011 * k,
            "accuracy": 0.811 + 0.011 * k,
            "all_negative_accuracy": 1 - (60 + k) / studies,
            "threshold": 0.5,
            "threshold_rule": "val_f1",
            "calibration": "platt",
            "brier_calibrated": 0.041 + 0.001 * k,
            "ece_calibrated": 0.011 + 0.001 * k,
            "brier_shifted": 0.046 + 0.001 * k,
            "ece_shifted": 0.016 + 0.001 * k,
            "prior": 0.061 + 0.001 * k,
            "estimated_prevalence": 0.081 + 0.001 * k,
        }
    for row in findings.values():
        spread = ("auprc", "brier", "ece", "f1", "brier_calibrated", "ece_calibrated")
        row["intervals"] = {key: {"low": row[key] - 0.01, "high": row[key] + 0.01} for key in spread}
    findings["Hernia"] |= {"auroc": NONE, "auprc": None, "threshold_rule": "prevalence_matched"}
    findings["Hernia"]["intervals"]["auprc"] = {"low": None, "high": None}
    findings["Hernia"] |= {"calibration": "temperature", "ece_shifted": None, "brier_shifted": None, "prior": None}
    macro: dict[str, Any] = {
        key: {"value": 0.4, "over": 14} for key in ("prevalence", "precision", "recall", "specificity")
    }
    macro |= {key: {"value": 0.5, "over": 14} for key in ("auprc", "brier", "ece", "accuracy", "all_negative_accuracy")}
    macro |= {f"{key}_calibrated": {"value": 0.3, "over": 14} for key in ("brier", "ece")}
    macro |= {
        key: {"value": 0.3, "over": 13} for key in ("brier_shifted", "ece_shifted", "prior", "estimated_prevalence")
    }
    macro |= {"auroc": {**around(0.7671), "over": 13}, "f1": {"value": 0.2613, "over": 13}}
    views = {
        "AP": {**around(0.7421), "over": 13, "studies": studies // 3},
        "PA": {**around(0.7822), "over": 13, "studies": studies // 2},
    }
    return {"studies": studies, "patients": studies // 2, "findings": findings, "macro": macro, "by_view": views}


def localization() -> dict[str, Any]:
    findings = {}
    for k, name in enumerate(BOXED):
        iou = 0.211 + 0.021 * k
        row: dict[str, Any] = {key: around(iou) for key in ("pointing", "energy", "iou")}
        row |= {f"prior_{key}": around(iou - 0.051) for key in ("pointing", "energy", "iou")}
        row |= {f"ceiling_{key}": around(iou + 0.301) for key in ("energy", "iou")}
        boxes = 40 + k
        counts = {"boxes": boxes, "pairs": boxes, "dead": k, "in_macro": True, "over_prior": 0.051}
        findings[name] = {**counts, "skill": around(0.151 + 0.001 * k), "energy_skill": around(0.121), **row}
    findings["Nodule"] |= {"boxes": 7, "pairs": 7, "in_macro": False}
    findings["Mass"] |= {"skill": NONE, "over_prior": 0.0432}
    macro = {"over": 7, "skill": around(0.1717), "energy_skill": around(0.1313)}
    macro |= {key: around(0.31) for key in SCORES}
    micro = {"pairs": 340, "dead": 28, **{key: around(0.29) for key in SCORES[:3]}}
    whole = {"findings": findings, "macro": macro, "micro": micro}
    shown = ("iou", "pointing", "energy", "skill")
    control = {key: around(0.1234) for key in shown}
    controls = {"random": control, "center": {**control, "iou": around(0.1432)}, "two lungs": control}
    beside = {"grid": "7x7", "best": "center", "macro": controls}
    return {**whole, "predicted": whole, "controls": beside, "largest_residual": 0.034, **beside_the_headline()}


def beside_the_headline() -> dict[str, Any]:
    """Curves, agreement, other thresholds and Wang's rule."""
    line = [around(0.6 - 0.05 * n) for n in range(7)]
    lines = {"run": line, "prior": line, "ceiling": line}
    thresholds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    curve = {"macro": lines, "micro": lines, "findings": dict.fromkeys(BOXED, lines)}
    prior = {"prior": around(0.2)}
    return {
        "curves": {"thresholds": thresholds, "iou": curve, "iobb": curve},
        "agreement": {**around(0.5151), "pairs": 340, "least": 0.1, "prior": {**around(0.4343), "pairs": 333}},
        "policies": {
            name: {"macro": around(0.3) | prior, "micro": around(0.3) | prior}
            for name in ("fixed", "quantile", "otsu", "cross_fitted")
        },
        "wang": {"thresholds": thresholds, "iou": lines, "iobb": lines, "false_positives": around(0.9) | prior},
    }


def certificate(source: str, split: str, missing: int, studies: int) -> dict[str, Any]:
    shares = dict.fromkeys(FINDINGS, 0.05)
    return {
        "schema_version": SCHEMA_VERSION,
        "code": {"version": "0.1.0", "sha256": "c" * 64, "commit": "d" * 40, "changes": 0},
        "versions": {"python": "3.11.7", "torch": "2.15.0"},
        "config_sha256": "e" * 64,
        "seed": 3,
        "data": {
            "source": source,
            "about": {},
            "sha256": "a" * 64,
            "files": {"Data_Entry_2017_v2020.csv": "b" * 64, "BBox_List_2017.csv": "8" * 64},
            "label_file": "Data_Entry_2017_v2020.csv",
            "box_list": "BBox_List_2017.csv",
            "counts": {
                "images in test_list.txt": studies,
                "rows without an image file": missing,
                "images found": 112_120,
            },
            "positives": {name: 1000 + k for k, name in enumerate(FINDINGS)},
            "boxes": {name: 80 + k for k, name in enumerate(BOXED)},
        },
        "split": {
            "scheme": split,
            "sha256": "f" * 64,
            "about": {"seed": 0},
            "listed": {"train": 75_000, "val": 11_524, "test": 25_596},
            "without_film": {"train": missing, "val": 0, "test": 0},
            "images": {"train": 75_000 - missing, "val": 11_524, "test": studies},
            "patients": {"train": 20_000, "val": 3_000, "test": studies // 2},
            "prevalence": dict.fromkeys(("train", "val", "test"), shares),
        },
        "boxes": {
            "uses": "monitored",
            "monitored_studies": 440,
            "sealed_studies": 439,
            "overlap": 0,
            "sealed_scored": "once, after training",
        },
        "calibration": "platt, fitted on val",
        "threshold_source": "f1 on val",
        "heatmap": {"normalization": "ReLU / max", "resize": "bilinear", "threshold": 0.5, "rule": "all"},
    }


def summary(source: str, split: str, boxes: bool, studies: int, missing: int) -> dict[str, Any]:
    about = {"prevalence": "enriched", "shortcut_strength": 0.5} if source == "phantom" else {}
    return {
        "protocol": make_card(certificate(source, split, missing, studies), 14).as_dict() | {"about": about},
        "classification": {"val": classification(11_524), "test": classification(studies)},
        "label_only": {
            "features": ["age", "sex", "view"],
            "findings": {name: around(0.5431) for name in FINDINGS},
            "macro": {**around(0.5971), "over": 14},
        },
        "flags": [],
        "localization": {"exact_cam": {"monitored": localization(), "sealed": localization()}} if boxes else {},
        "best_epoch": 1,
        "epochs": 3,
        "max_epochs": 5,
        "stopped_early": False,
        "seconds": {"fit": 754.0, "explain": 75.4},
        "explain_share": 0.1,
    }


def write_tables(folder: RunFolder, boxes: bool) -> None:
    rows = [
        {"image_id": f"{n:03d}.png", "patient_id": str(n // 2), "part": "test", "finding": name,
         "target": float(n % 3 == 0), "logit": 0.0, "prob": 0.5, "calibrated": 0.25, "pred": int(n % 2 == 0)}
        for n in range(12)
        for name in FINDINGS
    ]  # fmt: skip
    folder.write_table(folder.predictions, pd.DataFrame(rows), PREDICTION_COLUMNS)
    values = {
        "train/loss": 0.7,
        "val/loss": 0.72,
        "val/auroc/macro": 0.6,
        "probe/iou/micro": 0.2,
        "probe/skill/macro": 0.1,
    }
    logged = [(epoch, key, value - 0.01 * epoch) for epoch in range(3) for key, value in values.items()]
    pd.DataFrame(logged, columns=["epoch", "key", "value"]).to_csv(folder.metrics, index=False)
    if boxes:
        row = dict.fromkeys(LOCALIZATION_COLUMNS, 0.25) | {
            "half": "sealed",
            "epoch": 1,
            "image_id": "000.png",
            "patient_id": "0",
        }
        row |= {"finding": "Effusion", "explainer": "exact_cam", "boxes": 1, "dead": False, "iou": 0.37}
        folder.append_localization(pd.DataFrame([row]), "sealed", 1)


def write_pictures(folder: RunFolder) -> None:
    home = folder.explanations("exact_cam") / "panels"
    home.mkdir(parents=True)
    shown = [("epoch", epoch, "Mass", 1.0) for epoch in range(3)]
    shown += [
        ("box", 1, "Effusion", 1.0),
        ("TP", 1, "Effusion", 1.0),
        ("FP", 1, "Effusion", 0.0),
        ("FN", 1, "Hernia", 1.0),
    ]
    for number, (kind, epoch, finding, target) in enumerate(shown):
        file = f"panels/{kind}-{epoch}-{finding}.png"
        picture = np.full((278, 514, 3), 20 * number, np.uint8)
        picture[:256, 30 * number : 30 * number + 60] = 200
        cv2.imwrite(str(home.parent / file), picture)
        row = {"kind": kind, "epoch": epoch, "image_id": "000.png", "finding": finding, "target": target, "prob": 0.62}
        folder.append_panels("exact_cam", pd.DataFrame([{**row, "dead": epoch == 2, "file": file}]), epoch)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """Write a run folder; the pieces can be left out."""

    def make(
        source: str = "nih",
        split: str = "official",
        missing: int = 0,
        studies: int = 25_596,
        boxes: bool = True,
        panels: bool = True,
    ) -> RunFolder:
        folder = RunFolder(tmp_path / "nih-resnet50-bce-none-official-s3-01234567")
        folder.path.mkdir()
        folder.config.write_text("# experiment=None model=resnet50 loss=bce explainer=exact_cam\nname: test\n")
        write_json(folder.certificate, certificate(source, split, missing, studies))
        write_tables(folder, boxes)
        if panels:
            write_pictures(folder)
        folder.write_summary(summary(source, split, boxes, studies, missing))
        return folder

    return make
