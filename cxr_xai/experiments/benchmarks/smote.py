"""What planning synthetic studies takes on a training part of the release's size, in a process of its own."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxr_xai.data.balancing.embedding import CHUNK
from cxr_xai.data.balancing.plan import TrainingPart
from cxr_xai.data.balancing.smote import Smote
from cxr_xai.data.films.decode import Pixels
from cxr_xai.experiments.benchmarks.timing import Figure
from cxr_xai.findings import FINDINGS

FILMS = 78_484
"""The training part of a 70/15/15 split of the release; as float32 RGB of 224 px, 47 GB."""

POSITIVES = (11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302, 4667, 2303, 2516, 1686, 3385, 227)
"""Of the release's 112,120 films, in the order of ``FINDINGS`` (``Data_Entry_2017_v2020.csv``)."""

TILES, SIDE = 512, 224
PLAN = "from cxr_xai.experiments.benchmarks.smote import report_plan; report_plan({findings!r})"


def measure_smote(repeats: int) -> list[Figure]:
    """Measure the most memory that planning needs, for the rare findings alone and for all 14.

    The whole process counts, libraries included: torch and scikit-learn make up most of it. Each plan is made once,
    whatever ``repeats`` is, since its memory does not vary.
    """
    figures = []
    for findings in (None, list(FINDINGS)):
        code = PLAN.format(findings=findings)
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout)
        what = (
            f"smote on {FILMS:,} films of {SIDE} px, {found['studies']:,} blends for {found['findings']} findings "
            f"({found['before']:.2g} GiB before it began), vs reading each film once"
        )
        figures.append(Figure(what, found["seconds"], found["reading"], found["peak"], "GiB at most", "≤ 2"))
    return figures


@dataclass(frozen=True)
class ShiftedTiles:
    """Any number of different films from a small store: tile ``row % TILES``, shifted sideways by ``row // TILES``."""

    store: Pixels

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return the films of these rows."""
        films = self.store[rows % TILES]
        for film, shift in zip(films, rows // TILES, strict=True):
            film[:] = np.roll(film, shift, axis=1)
        return films


def report_plan(findings: list[str] | None) -> None:
    """Plan in this process; print seconds, the peak of its memory in GiB before and after, and how much was made."""
    random = np.random.default_rng(0)
    targets = (random.random((FILMS, len(FINDINGS))) < np.array(POSITIVES) / 112_120).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiles.npy"
        np.save(path, random.integers(0, 255, (TILES, SIDE, SIDE), dtype=np.uint8))
        films = ShiftedTiles(np.load(path, mmap_mode="r"))
        before, start = peak_memory(), time.perf_counter()
        counts = Smote(findings=findings).plan(TrainingPart(targets, films)).counts
        peak, planned = peak_memory(), time.perf_counter()
        for first in range(0, FILMS, CHUNK):
            films[np.arange(first, min(first + CHUNK, FILMS))]
        times = {"seconds": planned - start, "reading": time.perf_counter() - planned}
    print(
        json.dumps(times | {"before": before, "peak": peak, "studies": sum(counts.values()), "findings": len(counts)})
    )


def peak_memory() -> float:
    """Return the most memory that this process has held so far, in GiB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count the parent's memory at the time of the fork
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / (1 << 20)
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1 << 30 if sys.platform == "darwin" else 1 << 20)  # in bytes there, in KiB elsewhere
