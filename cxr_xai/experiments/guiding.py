"""Settings become a guide: a term of the loss, with the evidence that it needs."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch

from cxr_xai.data.anatomy.atlas import AtlasAnatomy
from cxr_xai.data.anatomy.folder import FolderAnatomy
from cxr_xai.data.anatomy.phantom import PhantomAnatomy
from cxr_xai.data.anatomy.regions import Anatomy
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.evidence.body import BodyEvidence
from cxr_xai.data.evidence.boxes import BoxEvidence
from cxr_xai.data.evidence.grid import EvidenceSource
from cxr_xai.data.evidence.regions import RegionEvidence
from cxr_xai.data.transforms.photometric import to_unit
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.experiments.check import NO_MASKS
from cxr_xai.guidance.contract import BoxGuidance, Guidance
from cxr_xai.guidance.regions import Regions
from cxr_xai.training.guide import Guide

Settings = Mapping[str, Any]


def build_guide(settings: Settings, datamodule: ChestXrayDataModule) -> Guide | None:
    """Build one member of the ``guidance`` group and find its evidence; None for ``none``.

    Raises:
        UserError: the training part has none of it.
    """
    term = build_term(settings)
    return None if term.needs is None else Guide(term, find_evidence(term, datamodule))


def build_term(settings: Settings) -> Guidance:
    """Build the term alone.

    Raises:
        UserError: the settings say that it needs other evidence than it does.
    """
    term: Guidance = build(settings, "guidance")
    if settings.get("needs") != term.needs:
        raise UserError(
            f"guidance.needs={settings.get('needs') or 'null'}: {type(term).__name__} needs {term.needs or 'null'}, "
            "which is no option; leave it out."
        )
    return term


def find_evidence(term: Guidance, datamodule: ChestXrayDataModule) -> EvidenceSource:
    """Return where evidence may lie, of the training part."""
    matrices = datamodule.transform.matrices
    if isinstance(term, BoxGuidance):
        require_boxes(datamodule)
        return BoxEvidence(datamodule.index, datamodule.guided_rows(term.annotated_fraction), matrices)
    if isinstance(term, Regions):
        train = datamodule.dataset("train")
        anatomy = choose_masks(term.masks, datamodule)
        return RegionEvidence(datamodule.index, anatomy, lambda rows: to_unit(train.batch(rows).image), matrices)
    return BodyEvidence(matrices)


def choose_masks(masks: str | None, datamodule: ChestXrayDataModule) -> Anatomy:
    """Return the source of regions that was asked for: a folder, the atlas, or what a phantom knows of itself.

    Raises:
        UserError: none was asked for and the data have none, or the folder has none of a training film.
    """
    if masks == "atlas":
        return AtlasAnatomy()
    if masks is None and datamodule.index.name == "phantom":
        return PhantomAnatomy(datamodule.root)
    if masks is None:
        raise UserError(NO_MASKS)
    anatomy = FolderAnatomy(masks)
    if not known_films(anatomy, datamodule):
        raise UserError(
            f"guidance.masks={masks} has no label image of a training film; it takes one <image id>.png for each."
        )
    return anatomy


def known_films(anatomy: Anatomy, datamodule: ChestXrayDataModule) -> list[str]:
    """Return the names of the training films whose regions a source knows by name."""
    names = datamodule.index.studies["image_id"].iloc[datamodule.dataset("train").rows].tolist()
    known = anatomy.known(torch.empty(0), names)
    return [name for name, one in zip(names, known, strict=True) if one]


def describe_guidance(settings: Settings | None, datamodule: ChestXrayDataModule) -> dict[str, Any] | None:
    """Return for the certificate what guides a run, and where its evidence comes from; None for ``none``.

    Runs of before there was guidance have no settings of it.

    ``films`` counts training films with evidence; null where it is found while training. ``sha256`` is over the names
    and fingerprints of a folder's label images.
    """
    if not settings or (term := build_term(settings)).needs is None:
        return None
    about: dict[str, Any] = {"term": type(term).__module__.rpartition(".")[2], "needs": term.needs}
    if isinstance(term, BoxGuidance):
        rows = datamodule.guided_rows(term.annotated_fraction)
        return {**about, "source": datamodule.index.box_list, "films": len(rows)}
    if not isinstance(term, Regions):
        return {**about, "source": "film", "films": len(datamodule.dataset("train").rows)}
    anatomy = choose_masks(term.masks, datamodule)
    if isinstance(anatomy, AtlasAnatomy):
        return {**about, "source": anatomy.name, "films": None}
    films = known_films(anatomy, datamodule)
    lines = sorted(f"{name} {anatomy.fingerprint(name)}" for name in films) if anatomy.name == "folder" else []
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else None
    return {**about, "source": anatomy.name, "films": len(films), "sha256": digest}


def require_boxes(datamodule: ChestXrayDataModule) -> None:
    """Refuse box guidance where no film of the training part has a box.

    Raises:
        UserError: says where boxes are and what to do.
    """
    if len(datamodule.guided_rows()):
        return
    boxed = len(datamodule.index.boxes)
    where = f"none of its {boxed:,} boxes is on a training film" if boxed else "it comes without boxes"
    raise UserError(
        f"guidance trains on boxes, and {where} (split={datamodule.split.scheme}, {datamodule.root}); use "
        "split=patient or split=kfold on data with boxes, or guidance=regions or guidance=body, which need none."
    )
