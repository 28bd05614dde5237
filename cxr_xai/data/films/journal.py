"""Which chunks of a store are safely on disk: a builder that was killed is continued, not begun anew."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_xai.data.films.measure import FilmFacts


@dataclass(frozen=True)
class Chunk:
    """A run of films that was written.

    Attributes:
        number: which; films ``number * size`` and on.
        checksum: CRC-32 of their pixels.
        facts: one per film.
    """

    number: int
    checksum: int
    facts: Sequence[FilmFacts]


class Journal:
    """Chunks, one line each, appended after their pixels are on disk.

    Args:
        path: of the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, chunk: Chunk) -> None:
        """Note a chunk; when this returns, the line outlives a crash."""
        line = json.dumps([chunk.number, chunk.checksum, [list(facts.as_row().values()) for facts in chunk.facts]])
        with self.path.open("a") as file:
            # A line that was cut off by a kill must not swallow the next one.
            file.write(f"\n{line}\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> dict[int, Chunk]:
        """Return the chunks noted so far by number; a line that was cut off is passed over."""
        chunks = {}
        for line in self.path.read_text().splitlines() if self.path.is_file() else ():
            try:
                number, checksum, rows = json.loads(line)
            except ValueError:
                continue
            chunks[number] = Chunk(number, checksum, [FilmFacts(*row) for row in rows])
        return chunks

    def count(self) -> int:
        """Return the number of lines, cheaply, for those who watch."""
        return self.path.read_bytes().count(b"]\n") if self.path.is_file() else 0
