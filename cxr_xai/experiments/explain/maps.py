"""Raw maps of one film by one explainer on disk, kept as long as nothing that they depend on has changed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.files import whole


@dataclass(frozen=True)
class Maps:
    """Maps of one film.

    Attributes:
        findings: names of the ``F`` maps.
        attribution: ``(F, h, w)`` float32, signed.
        residual: ``(F,)`` how far each sum is from what the method promises; NaN where it promises none.
    """

    findings: tuple[str, ...]
    attribution: npt.NDArray[np.float32]
    residual: npt.NDArray[np.float32]


def make_key(weights: str, explainer: Mapping[str, Any], film: str, findings: Sequence[str]) -> str:
    """Return what maps depend on, the code among it, as one hash.

    Args:
        weights: hash of the checkpoint.
        explainer: settings, and what it was handed (the hash of its background).
        film: hash of the film's file.
        findings: whose maps.
    """
    text = json.dumps(
        [weights, dict(explainer), film, list(findings), hash_code("experiments/explain/")], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


def write_maps(path: Path, maps: Maps, key: str) -> None:
    """Write one file of the format that ``scripts/score.py`` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file, attribution=maps.attribution, findings=np.array(maps.findings), residual=maps.residual, key=key
        )


def read_maps(path: Path, key: str) -> Maps | None:
    """Return stored maps, or None where there are none with this key."""
    try:
        with path.open("rb") as file, np.load(file) as stored:
            if str(stored["key"]) != key:
                return None
            return Maps(tuple(map(str, stored["findings"])), stored["attribution"], stored["residual"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
