"""Settings become an explainer, with the background that it may compare with."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cxr_xai.data.anatomy.atlas import AtlasAnatomy
from cxr_xai.data.background import Backgrounds
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.explainers.contract import Explainer
from cxr_xai.types import Background

Settings = Mapping[str, Any]


def build_explainer(
    settings: Settings, datamodule: ChestXrayDataModule | None, path: str = "explainer", **handed: Any
) -> Explainer:
    """Build one member of the ``explainer`` group.

    The background is drawn when the explainer first asks for it; one that never asks costs nothing.

    Args:
        settings: of the explainer, with its ``_target_``.
        datamodule: whose training part the background is drawn from; None where there is none at hand, which is
            refused as soon as a background is asked for.
        path: where the settings stand, for messages.
        handed: further objects by parameter name (``regions=…``), or another ``background``; the atlas
            is handed to ``segments=anatomy``.
    """
    background = nowhere if datamodule is None else backgrounds_of(datamodule)
    if settings.get("segments") == "anatomy":
        handed = {"regions": AtlasAnatomy(), **handed}
    explainer: Explainer = build(settings, path, {"background": background, **handed})
    return explainer


@lru_cache(maxsize=1)
def backgrounds_of(datamodule: ChestXrayDataModule) -> Backgrounds:
    """Return the one background of a datamodule, so that its films are read once for all explainers."""
    return Backgrounds(datamodule)


def compares(explainer: Explainer) -> int | None:
    """Return with how many films of the training part an explainer compares; None for one that compares with none."""
    count: int | None = getattr(explainer, "background_size", None)
    return count


def nowhere(count: int) -> Background:
    """Refuse: there is no training part.

    Raises:
        UserError: says what to do.
    """
    raise UserError(
        f"this explainer compares with {count:,} films of the training part, which is not at hand; name the folder of "
        "its data (root=…, in training datamodule.root=…), or choose an explainer without a background."
    )


def describe_background(settings: Settings, datamodule: ChestXrayDataModule) -> dict[str, Any] | None:
    """Return count and SHA-256 of the films that an explainer compares with; None for one that compares with none."""
    count = compares(build_explainer(settings, datamodule))
    return None if count is None else {"films": count, "sha256": backgrounds_of(datamodule)(count).sha256}
