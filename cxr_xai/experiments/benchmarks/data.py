"""From files to batches."""

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_xai.data.dataset import StudyDataset
from cxr_xai.data.phantom import PhantomSpec, write_phantom
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns

FILMS = 20_000


def measure_data(repeats: int) -> list[Figure]:
    """Measure phantom, index and batches."""
    return [measure_batches(repeats), *measure_phantom_and_index(repeats)]


def measure_batches(repeats: int) -> Figure:
    """Compare batches of 64 films of 224 px from the store with plain numpy indexing of the same store."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "films.npy"
        store = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(FILMS, 224, 224))
        store[:] = random.integers(0, 255, (1, 224, 224), dtype=np.uint8)
        films = np.load(path, mmap_mode="r")
        rows = np.arange(FILMS)
        dataset = StudyDataset(rows, films, rows, np.zeros((FILMS, 14), np.float32))
        batches = random.permutation(FILMS)[: FILMS // 64 * 64].reshape(-1, 64)[:100]
        times = time_in_turns(
            {
                "ours": lambda: [dataset.__getitems__(batch.tolist()) for batch in batches],
                "numpy": lambda: [films[batch] for batch in batches],
            },
            repeats,
        )
    what = f"batches from the store, {batches.size / times['ours']:,.0f} films/s, vs numpy indexing"
    return Figure(what, times["ours"], times["numpy"], times["numpy"] / times["ours"], "speed ratio", "≥ 0.7")


def measure_phantom_and_index(repeats: int) -> list[Figure]:
    """Measure images drawn per second of processor time, and reading the index against reading its CSV alone."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "phantom"
        spec = PhantomSpec(train_val_patients=60, test_patients=30)
        start = time.process_time()
        write_phantom(root, spec, workers=0)
        seconds = time.process_time() - start
        table = pd.read_csv(root / "Data_Entry_2017_v2020.csv")
        speed = len(table) / seconds
        drawn = Figure(f"phantom of {len(table)} films at 256 px, one core", seconds, 1.0, speed, "images/s", "≥ 50")
        many = pd.concat(
            [table.assign(**{"Image Index": f"{n:05d}" + table["Image Index"].str[5:]}) for n in range(250)]
        )
        many.to_csv(root / "Data_Entry_2017_v2020.csv", index=False)
        reader = NihReader()
        times = time_in_turns(
            {"ours": lambda: reader.read(root), "csv": lambda: pd.read_csv(root / "Data_Entry_2017_v2020.csv")}, repeats
        )
    what = f"index of {len(many):,} rows vs reading the CSV alone"
    return [drawn, Figure(what, times["ours"], times["csv"], times["ours"] / times["csv"], "time ratio", "≤ 15")]
