"""From shards to batches, beside the mapped store."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxr_xai.data.dataset import StudyDataset
from cxr_xai.data.films.store import build_store, open_store
from cxr_xai.data.shards.layout import open_shards
from cxr_xai.data.shards.order import ShardSampler
from cxr_xai.data.shards.read import ShardFilms
from cxr_xai.data.shards.write import write_shards
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns

FILMS, PER_SHARD, BATCH = 2_048, 512, 64


def measure_shards(repeats: int) -> list[Figure]:
    """Compare an epoch of batches of 64 films of 224 px out of shards with one out of the store of the same films."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_films(Path(folder) / "films")
        films = pd.DataFrame({"image_id": [Path(path).name for path in paths], "path": paths})
        write_shards(films, 224, PER_SHARD, Path(folder) / "shards")
        shards = open_shards(Path(folder) / "shards", 224)
        store = open_store(build_store(paths, 224, Path(folder) / "cache"))
        rows, targets = np.arange(FILMS), np.zeros((FILMS, 14), np.float32)
        visits = list(ShardSampler(shards.shard, shuffle=True, batch_size=BATCH, per_shard=PER_SHARD))
        batches = [visits[start : start + BATCH] for start in range(0, FILMS, BATCH)]
        stored = StudyDataset(rows, store.films, rows, targets)

        def stream() -> None:
            streamed = StudyDataset(rows, ShardFilms(shards), rows, targets)  # nothing kept from the turn before
            for batch in batches:
                streamed.__getitems__(batch)

        times = time_in_turns({"shards": stream, "store": lambda: [stored.__getitems__(b) for b in batches]}, repeats)
    speed, other = (FILMS / times[name] for name in ("shards", "store"))
    what = f"batches from shards in one process, {speed:,.0f} films/s, vs the store, {other:,.0f} films/s"
    return [Figure(what, times["shards"], times["store"], times["store"] / times["shards"], "speed ratio", "≥ 0.005")]


def write_films(folder: Path) -> list[str]:
    """Write films of 224 px that are about as hard to compress as real ones: smooth, with grain."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(FILMS):
        smooth = cv2.resize(random.integers(20, 220, (12, 12)).astype(np.float32), (224, 224))
        film = np.clip(smooth + random.normal(0, 2, smooth.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:08d}_000.png"), film, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return sorted(map(str, folder.iterdir()))
