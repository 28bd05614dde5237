"""Films by number, straight from their files."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cxr_xai.data.films.decode import Pixels
from cxr_xai.data.films.measure import FilmFacts, measure_film, read_film

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


class Films(Protocol):
    """``films[numbers]`` gives ``(len(numbers), H, W)`` uint8."""

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return the films of these numbers."""
        ...


class FilmFiles:
    """Decodes films at every access: for small data, or where no disk can be spared for a store."""

    def __init__(self, paths: Sequence[str], size: int) -> None:
        self.paths, self.size = list(paths), size

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Decode the films of these numbers.

        Raises:
            UserError: one of them is unfit.
        """
        return np.stack([read_film(self.paths[row], self.size) for row in rows])


def measure_films(paths: Sequence[str], size: int, progress: Progress | None = None) -> list[FilmFacts]:
    """Read every film once and keep only the facts."""
    facts = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (_, measured) in enumerate(pool.map(lambda path: measure_film(path, size), paths), start=1):
            facts.append(measured)
            if progress is not None:
                progress(done, len(paths))
    return facts


class Selection:
    """Some films, renumbered from 0: no other can be reached through it.

    Args:
        films: all films.
        numbers: ``(n,)`` those that are offered.
    """

    def __init__(self, films: Films, numbers: npt.NDArray[np.int64]) -> None:
        self.films, self.numbers = films, numbers

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return the films at these positions of the selection."""
        return self.films[self.numbers[rows]]
