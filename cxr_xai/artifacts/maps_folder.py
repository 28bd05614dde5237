"""Maps that any program made, as NPZ files: what ``scripts/score.py`` reads.

A folder of files, or one file. A file is either

- **one image**: ``<image_id>.npz`` or, without the image's suffix, ``00000001_000.npz``, with ``attribution
  (F, h, w)``, ``findings (F,)`` text and, if there are any, ``probs (F,)`` in [0, 1]; or
- **many images**, under any name: ``image_id (n,)`` text, ``attribution (n, F, h, w)``, ``findings (F,)``, ``probs
  (n, F)``. This is also what a run stores (``explanations/<explainer>/<half>-e<epoch>.npz``).

Rules: ``attribution`` is what the method gave, signed or not, on a grid of any size, each file on its own; nothing is
to be rescaled, since every map is divided by its maximum and negative evidence does not count. ``findings`` are names
of the 14, in any case and with ``Infiltrate`` or ``Pleural Thickening`` for the label file's words; absent, there must
be 14 maps in the order of the release. ``logits`` may stand for ``probs``. Pickled objects are refused. A file
``maps.json`` beside them may say ``name``, ``method`` and ``normalization``; they are printed with the numbers.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> np.savez(folder / "00000001_000.npz", attribution=np.eye(7)[None], findings=["Infiltrate"])
>>> found = read_maps(folder, {("00000001_000.png", "Infiltration")}, ["00000001_000.png"], largest=224)
>>> found.maps["00000001_000.png", "Infiltration"].attribution.shape
torch.Size([7, 7])
"""

import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from cxr_xai.errors import UserError
from cxr_xai.files import read_json
from cxr_xai.findings import ALIASES, FINDINGS

Progress = Any
Pair = tuple[str, str]

PROBLEM_COLUMNS = ("file", "image_id", "finding", "problem", "skipped")
"""``skipped`` is true where something that was meant to be scored was not: a bad file, an unknown image."""

ABOUT = ("name", "method", "normalization")

_NAMES = {name.lower(): name for name in FINDINGS} | {alias.lower(): name for alias, name in ALIASES.items()}
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@dataclass(frozen=True)
class StoredMap:
    """One map.

    Attributes:
        attribution: ``(h, w)`` float32, raw.
        prob: of the finding, NaN where the file has none.
        file: where it was.
    """

    attribution: Tensor
    prob: float
    file: str


@dataclass(frozen=True)
class FoundMaps:
    """What a folder of maps holds.

    Attributes:
        about: ``name``, ``method``, ``normalization``; empty where unknown, the name from the path.
        maps: by ``(image_id, finding)``: those that were wanted.
        problems: the columns ``PROBLEM_COLUMNS``.
        counts: what was found, in words → number.
    """

    about: Mapping[str, str]
    maps: Mapping[Pair, StoredMap]
    problems: pd.DataFrame
    counts: Mapping[str, int]


class _Unfit(Exception):
    """A file that is not as described."""


def read_maps(
    path: Path, wanted: Collection[Pair], images: Iterable[str], largest: int, progress: Progress = None
) -> FoundMaps:
    """Read the wanted maps; name what is wrong with files, images, findings and values.

    Args:
        path: a folder of NPZ files, or one.
        wanted: ``(image_id, finding)`` pairs.
        images: all names of the label file.
        largest: side of the image in pixels; a map with more cells is averaged down to it.
        progress: told files done and files in all.

    Raises:
        UserError: no such path, no NPZ file, ``maps.json`` is not as described, or two maps of one finding and image.
    """
    files = _list_files(path)
    about = _read_about(path)
    reader = _Reader(set(wanted), set(images), largest)
    for number, file in enumerate(files, start=1):
        reader.add(file)
        if progress is not None:
            progress(number, len(files))
    problems = pd.DataFrame(reader.problems, columns=list(PROBLEM_COLUMNS))
    counts = {
        "files": len(files),
        "files skipped": reader.skipped,
        "maps of boxed findings": len(reader.maps),
        "other maps": reader.others,
        "maps with NaN or infinity": reader.broken,
    }
    return FoundMaps(about, reader.maps, problems, counts)


def match_finding(name: str) -> str | None:
    """Return the label file's word for a finding, None if it is no finding of the 14.

    >>> match_finding("infiltrate "), match_finding("pleural thickening"), match_finding("Lung Lesion")
    ('Infiltration', 'Pleural_Thickening', None)
    """
    return _NAMES.get("_".join(name.lower().replace("-", " ").replace("_", " ").split()))


def _list_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"No folder or file {path}: maps must name a folder of .npz files, or one of them.")
    files = sorted(path.glob("*.npz"))
    if not files:
        raise UserError(f"No .npz file in {path}; write one per image, named <image_id>.npz, or one with many images.")
    return files


def _read_about(path: Path) -> dict[str, str]:
    about = dict.fromkeys(ABOUT, "") | {"name": path.name if path.is_dir() else path.parent.name}
    file = (path if path.is_dir() else path.parent) / "maps.json"
    if not file.is_file():
        return about
    try:
        said = read_json(file)
    except (ValueError, OSError) as error:
        raise UserError(f"{file} is not JSON ({error}); mend it or remove it.") from error
    if not isinstance(said, dict) or not all(isinstance(said.get(key, ""), str) for key in ABOUT):
        raise UserError(f"{file} must be an object whose {', '.join(ABOUT)} are texts.")
    return about | {key: said[key] for key in ABOUT if said.get(key)}


class _Reader:
    """Takes file after file."""

    def __init__(self, wanted: set[Pair], images: set[str], largest: int) -> None:
        self.wanted, self.images, self.largest = wanted, images, largest
        self.stems = {name.rpartition(".")[0]: name for name in images}
        self.maps: dict[Pair, StoredMap] = {}
        self.problems: list[tuple[str, str, str, str, bool]] = []
        self.skipped = self.others = self.broken = 0

    def add(self, file: Path) -> None:
        """Read one file, wholly or not at all."""
        try:
            with file.open("rb") as opened:  # np.load would leave a damaged one open
                arrays = np.load(opened, allow_pickle=False)
                if not isinstance(arrays, np.lib.npyio.NpzFile):
                    raise _Unfit("is one array, not an archive of arrays (np.savez)")
                found = list(self._read(file, arrays))
        except _Unfit as unfit:
            self._skip(file, str(unfit))
        except _DAMAGED as error:
            why = "it is no archive of plain arrays" if "pickle" in str(error) else str(error) or type(error).__name__
            self._skip(file, f"cannot be read ({why.splitlines()[0]})")
        else:
            for pair, stored in found:
                if pair in self.maps:
                    raise UserError(
                        f"{self.maps[pair].file} and {file.name} both have {pair[1]} of {pair[0]}; keep one of them, "
                        f"or name one file: maps={file}"
                    )
                self.maps[pair] = stored

    def _skip(self, file: Path, why: str) -> None:
        self.skipped += 1
        self.problems.append((file.name, "", "", why, True))

    def _read(self, file: Path, arrays: Mapping[str, Any]) -> Iterator[tuple[Pair, StoredMap]]:
        if "attribution" not in arrays:
            raise _Unfit(f"has no array called attribution (it has {', '.join(arrays) or 'none'})")
        many = "image_id" in arrays
        attribution = arrays["attribution"]
        if attribution.dtype.kind not in "fiub":
            raise _Unfit(f"attribution holds {attribution.dtype}, not numbers")
        shape = "(n, F, h, w) beside image_id" if many else "(F, h, w)"
        if attribution.ndim != 3 + many or 0 in attribution.shape[many + 1 :]:
            raise _Unfit(f"attribution has shape {attribution.shape}; expected {shape}")
        names = _texts(arrays["image_id"], "image_id") if many else [file.name.removesuffix(".npz")]
        attribution = attribution if many else attribution[None]
        if len(names) != len(attribution):
            raise _Unfit(f"has {len(names)} names in image_id and {len(attribution)} maps")
        if twice := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
            raise _Unfit(f"names {twice[0]} twice in image_id")
        findings = self._findings(file, arrays, attribution.shape[1])
        probs = _read_probs(arrays, attribution.shape[:2])
        for row, name in enumerate(names):
            image = name if name in self.images else self.stems.get(name)
            if image is None:
                self.problems.append((file.name, name, "", "no such image in the label file", True))
                continue
            yield from self._take(file, image, attribution[row], findings, probs[row])

    def _findings(self, file: Path, arrays: Mapping[str, Any], count: int) -> list[str | None]:
        if "findings" not in arrays:
            if count != len(FINDINGS):
                raise _Unfit(f"has {count} maps an image and no findings; name them, or give all 14 in their order")
            return list(FINDINGS)
        said = _texts(arrays["findings"], "findings")
        if len(said) != count:
            raise _Unfit(f"has {len(said)} findings and {count} maps an image")
        known = [match_finding(name) for name in said]
        named = [name for name in known if name is not None]
        if not named:
            raise _Unfit(f"has none of the 14 findings (it has {', '.join(said)[:80]})")
        if len(set(named)) < len(named):
            raise _Unfit(f"names a finding twice ({', '.join(said)[:80]})")
        for name, match in zip(said, known, strict=True):
            if match is None:
                self.problems.append((file.name, "", name, "none of the 14 findings: not scored", False))
        return known

    def _take(
        self, file: Path, image: str, maps: npt.NDArray[Any], findings: list[str | None], probs: npt.NDArray[Any]
    ) -> Iterator[tuple[Pair, StoredMap]]:
        for column, finding in enumerate(findings):
            if finding is None:
                continue
            if (image, finding) not in self.wanted:
                self.others += 1
                continue
            attribution = torch.from_numpy(np.array(maps[column], np.float32))
            if not attribution.isfinite().all():
                self.broken += 1
                self.problems.append((file.name, image, finding, "holds NaN or infinity: a dead map", False))
            yield (image, finding), StoredMap(shrink_map(attribution, self.largest), float(probs[column]), file.name)


def shrink_map(attribution: Tensor, largest: int) -> Tensor:
    """Average a raw ``(h, w)`` map down to at most ``largest`` cells a side; a smaller one stays as it is."""
    height, width = attribution.shape
    if max(height, width) <= largest:
        return attribution
    return adaptive_avg_pool2d(attribution[None, None], (min(height, largest), min(width, largest)))[0, 0]


def _texts(array: npt.NDArray[Any], name: str) -> list[str]:
    if array.dtype.kind not in "US" or array.ndim != 1:
        raise _Unfit(f"{name} must be a list of texts; found {array.dtype} of shape {array.shape}")
    return [text.decode() if isinstance(text, bytes) else str(text) for text in array.tolist()]


def _read_probs(arrays: Mapping[str, Any], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    name = next((key for key in ("probs", "logits") if key in arrays), None)
    if name is None:
        return np.full(shape, np.nan)
    values = arrays[name]
    if values.dtype.kind not in "fiu" or values.size != np.prod(shape) or values.shape[-1:] != shape[-1:]:
        raise _Unfit(f"{name} has shape {values.shape} of {values.dtype}; expected a number for each map")
    numbers: npt.NDArray[np.float64] = values.reshape(shape).astype(np.float64)
    if name == "logits":
        numbers = 1 / (1 + np.exp(-numbers))
    if ((numbers < 0) | (numbers > 1)).any():
        raise _Unfit("probs lie outside of [0, 1]; give probabilities, or call them logits")
    return numbers
