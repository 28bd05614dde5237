"""Puts the certificate together: joins code and versions with the data, split and boxes at hand."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cxr_xai.artifacts.certificate import describe_code, describe_versions
from cxr_xai.artifacts.run_folder import SCHEMA_VERSION
from cxr_xai.callbacks.box_probe import RULE, THRESHOLD
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.split import prevalence_by_part
from cxr_xai.explainers.heatmap import RESIZE_RULE
from cxr_xai.findings import FINDINGS


def hash_data(datamodule: ChestXrayDataModule) -> str:
    """Return the SHA-256 over the label files' contents and the films' names and sizes in bytes."""
    index = datamodule.index
    digest = hashlib.sha256()
    for name, checksum in sorted(index.sources.items()):
        digest.update(f"{name} {checksum}\n".encode())
    for path in sorted(index.studies["path"].dropna(), key=lambda text: Path(text).name):
        digest.update(f"{Path(path).name} {Path(path).stat().st_size}\n".encode())
    return digest.hexdigest()


def describe_data(datamodule: ChestXrayDataModule) -> dict[str, Any]:
    """Return what was read, what it holds and what of it is not used."""
    index = datamodule.index
    return {
        "source": index.name,
        "about": dict(index.about),
        "sha256": hash_data(datamodule),
        "files": dict(index.sources),
        "counts": dict(index.counts),
        "quarantine": {str(reason): int(n) for reason, n in datamodule.quarantine["reason"].value_counts().items()},
        "positives": index.positives(),
        "boxes": index.boxes_by_finding(),
    }


def describe_split(datamodule: ChestXrayDataModule) -> dict[str, Any]:
    """Return scheme, hash, sizes and prevalence of the parts, over the films that are used."""
    index, split = datamodule.index, datamodule.split
    shares = prevalence_by_part(index, split)
    return {
        "scheme": split.scheme,
        "sha256": split.hash,
        "about": dict(split.about),
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

    ``boxes.uses`` is ``monitored``: watched every epoch, used for nothing; boxes choose neither weights nor epoch.
    """
    monitored, sealed = (datamodule.boxed_rows(half) for half in ("monitored", "sealed"))
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
        "boxes": {
            "uses": "monitored" if settings["callbacks"].get("explain") else "none",
            "monitored_studies": len(monitored),
            "sealed_studies": len(sealed),
            "overlap": len(np.intersect1d(monitored, sealed)),
            "sealed_scored": "once, after training",
        },
        "threshold_source": "val",
        "heatmap": {"normalization": "ReLU / max", "resize": RESIZE_RULE, "threshold": THRESHOLD, "rule": RULE},
    }
