"""What a trained run found: its table of predictions, its summary, the scalars for dashboards."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor

from cxr_xai.callbacks.explain_epoch import ExplainEpoch
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.split import PREDICTED
from cxr_xai.experiments.assemble import Parts
from cxr_xai.experiments.box_summary import summarize_masks
from cxr_xai.experiments.certify import make_card
from cxr_xai.experiments.controls.beside import summarize_beside
from cxr_xai.experiments.flags import raise_flags
from cxr_xai.experiments.references import summarize_label_only
from cxr_xai.experiments.reliance.summarize import flatten_reliance, summarize_reliance
from cxr_xai.experiments.summary import summarize_classification, summarize_localization
from cxr_xai.files import read_json
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.calibration.contract import sigmoid
from cxr_xai.metrics.decision import Decision, fit_decision

Settings = Mapping[str, Any]


def decide_on_val(parts: Parts, epoch: int) -> Decision:
    """Fit curves and thresholds to what the module predicted for val; ``epoch`` is that of its weights."""
    _, logits, target = parts.module.gathered[0]
    return fit_decision(parts.calibration, parts.threshold, logits.numpy(), target.numpy(), epoch)


def make_predictions(
    datamodule: ChestXrayDataModule, gathered: list[tuple[Tensor, Tensor, Tensor]], decision: Decision
) -> pd.DataFrame:
    """Return the columns of ``predictions.parquet``: val, test and ``external``, decided as val did."""
    tables = []
    for part, (rows, logits, target) in zip(PREDICTED, gathered, strict=False):  # few splits have the last
        studies = datamodule.index.studies.iloc[rows.numpy()]
        tables.append(tabulate_predictions(studies, part, logits.numpy(), target.numpy(), decision))
    return pd.concat(tables, ignore_index=True)


def tabulate_predictions(
    studies: pd.DataFrame,
    part: str,
    logits: npt.NDArray[np.floating],
    target: npt.NDArray[np.floating],
    decision: Decision,
) -> pd.DataFrame:
    """Return the columns of ``predictions.parquet`` for ``N`` studies of one part, finding by finding.

    Args:
        studies: ``image_id`` and ``patient_id``.
        part: its name.
        logits: ``(N, K)``.
        target: ``(N, K)``, NaN unknown.
        decision: what val decided.
    """
    prob, calibrated = sigmoid(logits), decision.calibrate(logits)
    pred, tables = decision.predict(calibrated).astype("int8"), []
    for k, name in enumerate(FINDINGS):
        table = studies[["image_id", "patient_id"]].assign(part=part, finding=name)
        table["target"], table["logit"] = target[:, k], logits[:, k]
        table["prob"], table["calibrated"], table["pred"] = prob[:, k], calibrated[:, k], pred[:, k]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def summarize(
    parts: Parts,
    settings: Settings,
    predictions: pd.DataFrame,
    decision: Decision,
    best_epoch: int,
    seconds: float,
) -> dict[str, Any]:
    """Put all numbers of the run together."""
    index, trainer = parts.datamodule.index, parts.trainer
    views = index.studies.set_index("image_id")["view"]
    explain = next((c for c in trainer.callbacks if isinstance(c, ExplainEpoch)), None)  # type: ignore[attr-defined]
    table = pd.read_parquet(parts.folder.localization) if parts.folder.localization.is_file() else None
    classification = summarize_classification(predictions, views, settings["bootstrap"], decision)
    certificate = read_json(parts.folder.certificate)
    card = make_card(certificate, classification["test"]["macro"]["auroc"]["over"])
    numbers = {
        "protocol": card.as_dict(),
        "classification": classification,
        "label_only": summarize_label_only(parts.datamodule, predictions, settings["bootstrap"]),
        "localization": {}
        if table is None
        else summarize_maps(table, settings["bootstrap"], predictions, parts.datamodule),
        "weights": certificate.get("weights"),
    }
    if parts.folder.reliance.is_file():  # of the phantom alone
        numbers["reliance"] = summarize_reliance(pd.read_parquet(parts.folder.reliance), settings["bootstrap"])
    return {
        **numbers,
        "flags": raise_flags(numbers, predictions, settings["bootstrap"]),
        "best_epoch": best_epoch,
        "epochs": trainer.current_epoch,
        "max_epochs": settings["trainer"]["max_epochs"],
        "stopped_early": stopped_early(trainer.callbacks),  # type: ignore[attr-defined]
        "seconds": {"fit": seconds, "explain": explain.seconds if explain else 0.0},
        "explain_share": explain.share if explain else None,
    }


def stopped_early(callbacks: Sequence[Any]) -> bool:
    """Return whether early stopping ended training, which whatever else may end it (a limit of steps) does not tell."""
    return any(c.stopped_epoch > 0 for c in callbacks if isinstance(c, EarlyStopping))


def summarize_maps(
    table: pd.DataFrame, replicates: int, predictions: pd.DataFrame, datamodule: ChestXrayDataModule | None
) -> dict[str, Any]:
    """Return localization by explainer and half, each at its last epoch, and the largest residual of its maps.

    Args:
        table: ``localization.parquet``.
        replicates: of the bootstrap.
        predictions: ``predictions.parquet``; what it predicts is a slice of the boxes.
        datamodule: has the boxes, on which the sealed half is scored for image-free ``controls``; None leaves them out.
    """
    made = predictions[predictions["pred"] == 1]
    predicted = set(zip(made["image_id"], made["finding"], strict=True))
    localization: dict[str, Any] = {}
    for (explainer, half), rows in table.groupby(["explainer", "half"]):
        final = rows[rows["epoch"] == rows["epoch"].max()]
        summary = summarize_localization(final, replicates, predicted)
        if half == "sealed" and datamodule is not None:
            index, size = datamodule.index, datamodule.image_size
            summary["controls"] = summarize_beside(final, index.boxes, size, replicates, index.masks)
        if datamodule is not None and datamodule.index.masks is not None:
            summary["mask_iou"] = summarize_masks(final, replicates)
        summary["largest_residual"] = float(final["residual"].abs().max())
        localization.setdefault(str(explainer), {})[str(half)] = summary
    return localization


def flatten(summary: Settings) -> dict[str, float]:
    """Return what loggers show: ``test/auroc/<finding>``, ``sealed/iou/<finding>``, ``sealed/skill/macro``.

    Means over findings have their ends beside them: ``test/auroc/macro/low`` and ``/high``. What is undefined is NaN.
    """
    scalars, test = dict[str, float](), summary["classification"]["test"]
    for name, row in test["findings"].items():
        scalars[f"test/auroc/{name}"] = row["auroc"]["value"]
    for key in ("auroc", "auprc", "f1", "brier_calibrated", "ece_calibrated"):
        scalars |= _flatten_entry(f"test/{key}/macro", test["macro"].get(key, {}))
    for halves in summary["localization"].values():
        for name, row in halves.get("sealed", {"findings": {}})["findings"].items():
            for key in ("pointing", "energy", "iou", "skill"):
                scalars[f"sealed/{key}/{name}"] = row[key]["value"]
        if "sealed" in halves:
            scalars |= _flatten_sealed(halves["sealed"])
    return scalars | (flatten_reliance(summary["reliance"]) if "reliance" in summary else {})


def _flatten_sealed(sealed: Settings) -> dict[str, float]:
    means = {f"sealed/{key}/macro": sealed["macro"].get(key, {}) for key in ("skill", "pointing", "energy", "iou")}
    scalars = {name: value for key, entry in means.items() for name, value in _flatten_entry(key, entry).items()}
    pairs, dead = (sealed["micro"][key] for key in ("pairs", "dead"))
    return scalars | {"sealed/pairs": pairs, "sealed/dead": dead / pairs if pairs else np.nan}


def _flatten_entry(key: str, entry: Settings) -> dict[str, float]:
    ends = {f"{key}/{end}": entry[end] for end in ("low", "high") if end in entry}
    flat = ({key: entry["value"]} if "value" in entry else {}) | ends
    return {name: np.nan if value is None else float(value) for name, value in flat.items()}
