"""Puts the certificate together: joins code and versions with the data, split and boxes at hand."""

import hashlib
from collections.abc import Mapping
from typing import Any

from cxr_xai.artifacts.certificate import describe_code, describe_versions
from cxr_xai.artifacts.plan import read_plan, record_plan
from cxr_xai.artifacts.protocol import CROSS_FITTED, MEAN, NamedFile, ProtocolCard
from cxr_xai.artifacts.run_folder import SCHEMA_VERSION, RunFolder
from cxr_xai.callbacks.box_probe import RULE, THRESHOLD
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.split import prevalence_by_part
from cxr_xai.data.tta.contract import PLAIN
from cxr_xai.experiments.box_uses import count_shared, describe_score, describe_uses, rows_by_use
from cxr_xai.experiments.build import build
from cxr_xai.experiments.explaining import describe_background
from cxr_xai.experiments.guiding import describe_guidance
from cxr_xai.files import read_json, write_json
from cxr_xai.findings import FINDINGS
from cxr_xai.heatmap import RESIZE_RULE
from cxr_xai.metrics.map_thresholds.cross_fitted import FOLDS

BOX_RULE = {"normalization": "ReLU / max", "resize": RESIZE_RULE, "threshold": THRESHOLD, "rule": RULE}
"""From a map to the box that is scored."""

TUNED = {"cross_fitted": f"iou_cross_fitted alone: its threshold by finding, {FOLDS} folds of the sealed patients"}
"""What sealed boxes tune, of other patients, wherever they are scored."""


def hash_data(datamodule: ChestXrayDataModule) -> str:
    """Return the SHA-256 over the label files' contents and the films' names and sizes in bytes."""
    index = datamodule.index
    digest = hashlib.sha256()
    for name, checksum in sorted(index.sources.items()):
        digest.update(f"{name} {checksum}\n".encode())
    for name, size in sorted(datamodule.film_bytes().items()):
        digest.update(f"{name} {size}\n".encode())
    return digest.hexdigest()


def describe_data(datamodule: ChestXrayDataModule) -> dict[str, Any]:
    """Return what was read, what it holds and what of it is not used."""
    index = datamodule.index
    return {
        "source": index.name,
        "about": dict(index.about),
        "sha256": hash_data(datamodule),
        "files": dict(index.sources),
        "label_file": next(iter(index.sources)),
        "box_list": index.box_list,
        "labels": index.labels,
        "films_of": index.films_of or None,
        "linked": index.linked,
        "counts": dict(index.counts),
        "quarantine": {str(reason): int(n) for reason, n in datamodule.quarantine["reason"].value_counts().items()},
        "positives": index.positives(),
        "boxes": index.boxes_by_finding(),
    }


def describe_split(datamodule: ChestXrayDataModule) -> dict[str, Any]:
    """Return scheme, hash, sizes and prevalence of the parts, over the films that are used.

    ``listed`` counts the images of each part in the label file, ``without_film`` those of them that have no film file.
    """
    index, split = datamodule.index, datamodule.split
    shares, found = prevalence_by_part(index, split), datamodule.source.present
    return {
        "scheme": split.scheme,
        "sha256": split.hash,
        "about": dict(split.about),
        "listed": {part: len(split.rows(part)) for part in split.parts},
        "without_film": {part: int((~found[split.rows(part)]).sum()) for part in split.parts},
        "images": {part: int(index.present[split.rows(part)].sum()) for part in split.parts},
        "patients": {
            part: int(index.studies["patient_id"].iloc[datamodule.dataset(part).rows].nunique()) for part in split.parts
        },
        "prevalence": {
            part: {name: float(share) for name, share in zip(FINDINGS, shares[part], strict=True)}
            for part in split.parts
        },
    }


def make_certificate(datamodule: ChestXrayDataModule, settings: Mapping[str, Any], config_hash: str) -> dict[str, Any]:
    """Return everything a run's numbers rest on, known before it starts.

    ``boxes.uses`` names all uses: ``monitored`` (watched every epoch, used for nothing), ``trained on (…)``, ``selected
    by (…)``, or ``none``; ``boxes.overlap`` counts patients in more than one of them or sealed. One number beside the
    headline is tuned on boxes, of other patients: ``boxes.cross_fitted`` says which, where sealed boxes are scored.
    """
    rows = rows_by_use(datamodule, settings)
    watched = bool(settings["callbacks"].get("explain"))
    return {
        "schema_version": SCHEMA_VERSION,
        "code": describe_code(),
        "versions": describe_versions(),
        "config_sha256": config_hash,
        "seed": settings["seed"],
        "data": describe_data(datamodule),
        "split": describe_split(datamodule),
        "balancing": dict(datamodule.plan.counts),
        "geometry": datamodule.geometry,
        "guidance": describe_guidance(settings.get("guidance"), datamodule),
        "boxes": {
            "uses": describe_uses(datamodule, settings, rows),
            **{f"{use}_studies": len(found) for use, found in rows.items()},
            "overlap": count_shared(datamodule, rows),
            "sealed_scored": "once, after training",
            **describe_score(settings, rows),
            **(TUNED if watched and len(rows["sealed"]) else {}),
        },
        "background": describe_background(settings["explainer"], datamodule),
        "calibration": f"{_member(settings['calibration'])}, fitted on val",
        "threshold_source": f"{_member(settings['threshold'])} on val",
        "tta": build(settings["tta"], "tta").label if "tta" in settings else PLAIN,
        "heatmap": BOX_RULE,
    }


def _member(settings: Mapping[str, Any]) -> str:
    """Name of a chosen member: of the file that its target lies in."""
    return str(settings["_target_"]).split(".")[-2]


def list_plans(folder: RunFolder, path: str | None) -> list[dict[str, str]]:
    """Return the analysis plans that a run has seen, the one at hand included; each keeps the time of its first sight.

    Args:
        folder: of the run, which may not have a certificate yet.
        path: of the plan at hand, None without one.

    Raises:
        UserError: the file is missing, or is no plan.
    """
    recorded = read_json(folder.certificate).get("plans", []) if folder.certificate.is_file() else []
    return record_plan(None if path is None else read_plan(path)[1], recorded)


def add_plans(folder: RunFolder, plans: list[dict[str, str]]) -> bool:
    """Write plans into the certificate of a complete run, and nothing else; tell whether there was one to add."""
    certificate = read_json(folder.certificate)
    if plans == certificate.get("plans", []):
        return False
    write_json(folder.certificate, {**certificate, "plans": plans})
    return True


def make_card(certificate: Mapping[str, Any], mean_over: int) -> ProtocolCard:
    """Return the protocol of a run's numbers.

    Args:
        certificate: from `make_certificate`, or read back.
        mean_over: how many findings of test are defined.
    """
    data, split = certificate["data"], certificate["split"]
    label_file, box_list = data["label_file"], data["box_list"]
    uses = certificate["boxes"]["uses"] + (f", {CROSS_FITTED}" if "cross_fitted" in certificate["boxes"] else "")
    return ProtocolCard(
        source=data["source"],
        about=data["about"],
        data_sha256=data["sha256"],
        split=split["scheme"],
        split_about=split["about"],
        split_sha256=split["sha256"],
        images=sum(split["listed"].values()),
        missing=sum(split["without_film"].values()),
        test_images=split["listed"]["test"],
        test_missing=split["listed"]["test"] - split["images"]["test"],
        label_file=NamedFile(label_file, data["files"][label_file]),
        labels=data.get("labels", ""),
        findings=FINDINGS,
        mean=MEAN,
        mean_over=mean_over,
        box_list=None if box_list is None else NamedFile(box_list, data["files"][box_list]),
        box_rule=certificate["heatmap"],
        threshold_source=certificate["threshold_source"],
        calibration=certificate["calibration"],
        tta=certificate.get("tta", PLAIN),
        uses_of_boxes=uses,
    )
