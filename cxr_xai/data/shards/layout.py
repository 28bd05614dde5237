"""What lies in a folder of shards, and where.

``shards.json`` (schema, size, films a shard, reading rule, hashes of the film files it was made from, one entry a
shard: its file, films, bytes, SHA-256), ``facts.parquet`` (a row a film in the order of image names: ``image_id``, what
an audit needs, what a DICOM header says, ``shard``, ``crc`` of its PNG) and the tars ``films-00000.tar`` and on. In a
shard each film is a sample of WebDataset: ``<number>.json`` (its ``image_id``), then ``<number>.png`` (gray, 8 bits,
lossless); ``number`` is its row in ``facts.parquet``. Nothing holds time or place of writing, so that two builds
from the same files are equal byte for byte. Tables (labels, boxes, splits) stay where they are: only films stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.films.decode import RULE
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file, read_json

SCHEMA = 2
MANIFEST, FACTS = "shards.json", "facts.parquet"
HEADER = {"header_width": "width", "header_height": "height", "age": "age", "sex": "sex", "view": "view"}
"""Columns of the facts that are from the header of a DICOM file, 0, NaN or empty elsewhere → its name for them."""

NOWHERE = -1
"""The shard of a film that is unfit: it is in none."""


def name_shard(number: int) -> str:
    """Return the file of a shard.

    >>> name_shard(3)
    'films-00003.tar'
    """
    return f"films-{number:05d}.tar"


@dataclass(frozen=True)
class Shards:
    """A finished folder of shards.

    Attributes:
        folder: where manifest and facts lie, and the shards unless ``url`` says otherwise.
        manifest: ``shards.json``.
        facts: ``facts.parquet``.
        url: where shards are read from, ``{}`` standing for a shard's file; None reads them from the folder.
    """

    folder: Path
    manifest: Mapping[str, Any]
    facts: pd.DataFrame
    url: str | None = None

    @property
    def shard(self) -> npt.NDArray[np.int64]:
        """``(films,)`` the shard of each film, `NOWHERE` of unfit ones."""
        return self.facts["shard"].to_numpy(np.int64)

    @property
    def headers(self) -> pd.DataFrame:
        """``width, height, age, sex, view`` of each film by ``image_id``, as `read_headers` has them."""
        return self.facts.set_index("image_id")[list(HEADER)].rename(columns=HEADER)

    def address(self, number: int) -> str:
        """Return where a shard is read from: a path, or whatever WebDataset opens."""
        name = self.manifest["shards"][number]["file"]
        return str(self.folder / name) if self.url is None else self.url.replace("{}", name)


def open_shards(folder: Path, size: int, url: str | None = None) -> Shards:
    """Open a finished folder of shards; shards of a folder must be there and as long as they were written.

    Args:
        folder: of the manifest.
        size: side of films in pixels that is wanted.
        url: as in `Shards`.

    Raises:
        UserError: there is none, it has another size or rule, or a shard is missing or cut off.
    """
    if not (folder / MANIFEST).is_file():
        raise UserError(
            f"datamodule.shards={folder}: no {MANIFEST} there; scripts/shards.py makes shards, or ends them."
        )
    try:
        manifest = read_json(folder / MANIFEST)
        found = (manifest["schema"], manifest["size"], manifest["rule"])
        entries, checksum = manifest["shards"], manifest["facts_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / MANIFEST} cannot be read; make the shards again with fresh=true.") from error
    for what, there, wanted in zip(("schema", "image size", "reading rule"), found, (SCHEMA, size, RULE), strict=True):
        if there != wanted:
            raise UserError(
                f"{folder} has shards of {what} {there}, wanted {wanted}; make others with scripts/shards.py."
            )
    if url is not None and "{}" not in url:
        raise UserError(f"datamodule.shard_url={url}: {{}} must stand where the name of a shard belongs.")
    if not (folder / FACTS).is_file() or hash_file(folder / FACTS) != checksum:
        raise UserError(f"{folder / FACTS} is not the one of {MANIFEST}; make the shards again with fresh=true.")
    for entry in entries if url is None else ():
        length = (folder / entry["file"]).stat().st_size if (folder / entry["file"]).is_file() else 0
        if length != entry["bytes"]:
            raise _torn(folder / entry["file"], f"{length:,} of {entry['bytes']:,} bytes are there")
    return Shards(folder, manifest, pd.read_parquet(folder / FACTS), url)


def _torn(shard: Path, what: str) -> UserError:
    return UserError(f"the shard {shard} is damaged: {what}. Delete it; scripts/shards.py makes it again.")


def place_films(shards: Shards, studies: pd.DataFrame) -> pd.DataFrame:
    """Return studies whose ``path`` says where in the shards their film is, None where it is not.

    Raises:
        UserError: a film of the shards is of no study.
    """
    places = pd.Series(
        [
            f"{name_shard(max(shard, 0))}/{name}"
            for shard, name in zip(shards.shard, shards.facts["image_id"], strict=True)
        ],
        index=shards.facts["image_id"],
        dtype=object,
    )
    if (strange := ~places.index.isin(studies["image_id"])).any():
        raise UserError(
            f"{shards.folder} holds {int(strange.sum()):,} films that the label file does not have, the first is "
            f"{places.index[strange][0]}; the shards are of another source."
        )
    found = studies["image_id"].map(places)
    return studies.assign(path=found.where(found.notna(), None).astype(object))
