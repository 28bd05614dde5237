"""Films by number, out of shards that are read from front to back, once for all films that are asked for together."""

import json
import tarfile
import zlib
from collections import OrderedDict
from collections.abc import Generator
from contextlib import closing
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.data.films.decode import Pixels
from cxr_xai.data.shards.layout import Shards
from cxr_xai.data.shards.order import keep_enough
from cxr_xai.errors import UserError

Shard = dict[int, bytes]
"""The PNG of each film by its number."""


def require_webdataset() -> None:
    """Refuse to stream without the library.

    Raises:
        UserError: it is not installed.
    """
    try:
        import webdataset  # noqa: F401
    except ImportError as error:
        raise UserError("datamodule.shards needs WebDataset: pip install 'cxr-xai[shards]'.") from error


class ShardFilms:
    """Keeps the shards that were read last, encoded; a film is decoded when it is served.

    Any film may be asked for at any time, and costs the reading of its shard unless that is kept: the order in which
    studies are visited (`ShardSampler`) sees to it that each is read once an epoch.

    Args:
        shards: finished.
        keep: so many shards are held in memory, about 25 kB a film at 224 pixels; None keeps as many as a shuffled
            epoch looks at together.
    """

    def __init__(self, shards: Shards, keep: int | None = None) -> None:
        self.shards = shards
        self.keep = keep_enough(int(shards.manifest["per_shard"])) if keep is None else keep
        self.size = int(shards.manifest["size"])
        self.home, self.names = shards.shard, shards.facts["image_id"].to_numpy(object)
        self.crc = shards.facts["crc"].to_numpy(np.int64)
        self.kept: OrderedDict[int, Shard] = OrderedDict()
        self.opened = 0
        """Shards read so far, by this process."""

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return ``(n, size, size)`` uint8 films of these numbers.

        Raises:
            UserError: a shard cannot be read, is cut off, or holds something else than its manifest says.
        """
        films = np.empty((len(rows), self.size, self.size), np.uint8)
        for shard in np.unique(self.home[rows]).tolist():
            content = self._read(shard)
            for place in np.flatnonzero(self.home[rows] == shard):
                films[place] = self._decode(content[int(rows[place])], int(rows[place]))
        return films

    def _read(self, number: int) -> Shard:
        if number not in self.kept:
            self.kept[number] = self._stream(number)
            self.opened += 1
            while len(self.kept) > self.keep:
                self.kept.popitem(last=False)
        self.kept.move_to_end(number)
        return self.kept[number]

    def _stream(self, number: int) -> Shard:
        """Read a shard through WebDataset and compare every film with what was written."""
        address, films = self.shards.address(number), Shard()
        wanted = int(self.shards.manifest["shards"][number]["films"])
        try:
            with closing(stream_samples(address)) as samples:
                for sample in samples:
                    row = self._identify(sample, address)
                    films[row] = sample["png"]
        except (OSError, ValueError, tarfile.TarError, EOFError) as error:
            raise _damaged(address, " ".join(str(error).split()) or type(error).__name__) from error
        if len(films) != wanted:
            raise _damaged(address, f"{len(films):,} of {wanted:,} films are there")
        return films

    def _identify(self, sample: dict[str, Any], address: str) -> int:
        """Return the number of a film, proved to be the one that the manifest means."""
        if missing := [key for key in ("json", "png") if key not in sample]:
            raise _damaged(address, f"{sample.get('__key__')} has no {missing[0]}")
        try:
            row, name = int(sample["__key__"].rpartition("/")[2]), str(json.loads(sample["json"])["image_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(address, f"{sample['__key__']!r} is no film of ours") from error
        if not 0 <= row < len(self.names) or self.names[row] != name:
            raise _damaged(address, f"it holds {name} as film {row:,}, which the manifest does not know there")
        if zlib.crc32(sample["png"]) != self.crc[row]:
            raise _damaged(address, f"{name} does not match its checksum")
        return row

    def _decode(self, png: bytes, row: int) -> Pixels:
        pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
        if pixels is None or pixels.shape != (self.size, self.size):
            raise _damaged(
                self.shards.address(int(self.home[row])), f"{self.names[row]} is no film of {self.size} pixels"
            )
        return np.asarray(pixels, np.uint8)


def stream_samples(address: str) -> Generator[dict[str, Any]]:
    """Yield the samples of one shard, a path or whatever WebDataset opens (``pipe:``, a URL)."""
    from webdataset.gopen import gopen
    from webdataset.tariterators import group_by_keys, tar_file_iterator

    with gopen(address) as stream:
        yield from group_by_keys({**file, "__url__": address} for file in tar_file_iterator(stream))


def _damaged(address: str, what: str) -> UserError:
    return UserError(
        f"the shard {address} is damaged: {what.rstrip('.')}. Delete it; scripts/shards.py makes it again."
    )
