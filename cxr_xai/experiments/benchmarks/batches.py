"""From the store to batches."""

import tempfile
from pathlib import Path

import numpy as np

from cxr_xai.data.balancing.synthetic import Synthetic
from cxr_xai.data.dataset import StudyDataset
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns

FILMS, SYNTHETIC = 20_000, 2_000


def measure_batches(repeats: int) -> list[Figure]:
    """Compare batches of 64 films of 224 px from a store with plain numpy indexing of the same store."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "films.npy"
        store = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(FILMS, 224, 224))
        store[:] = random.integers(0, 255, (1, 224, 224), dtype=np.uint8)
        films = np.load(path, mmap_mode="r")
        rows, targets = np.arange(FILMS), np.zeros((FILMS, 14), np.float32)
        base, neighbors = (random.integers(0, FILMS, shape) for shape in (SYNTHETIC, (SYNTHETIC, 5)))
        made = Synthetic(base, neighbors, targets[:SYNTHETIC])
        plain, blended = StudyDataset(rows, films, rows, targets), StudyDataset(rows, films, rows, targets, made)
        batches = random.permutation(FILMS)[: FILMS // 64 * 64].reshape(-1, 64)[:100]
        mixed = random.permutation(FILMS + SYNTHETIC)[:6400].reshape(-1, 64)
        times = time_in_turns(
            {
                "ours": lambda: [plain.__getitems__(batch.tolist()) for batch in batches],
                "numpy": lambda: [films[batch] for batch in batches],
                "blended": lambda: [blended.__getitems__(batch.tolist()) for batch in mixed],
            },
            repeats,
        )
    speed, blends = (batches.size / times[name] for name in ("ours", "blended"))
    what = f"batches from the store, {speed:,.0f} films/s, vs numpy indexing"
    smote = f"batches with one synthetic study in eleven, {blends:,.0f} films/s, vs plain batches"
    return [
        Figure(what, times["ours"], times["numpy"], times["numpy"] / times["ours"], "speed ratio", "≥ 0.7"),
        Figure(smote, times["blended"], times["ours"], times["ours"] / times["blended"], "speed ratio", "≥ 0.3"),
    ]
