"""One source, split and cached, as Lightning wants it."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lightning import LightningDataModule
from torch.utils.data import DataLoader

from cxr_xai.data.balancing.none import NoBalancing
from cxr_xai.data.balancing.plan import BalancePlan, Balancing, seen_prevalence
from cxr_xai.data.cache import FilmFiles, Films, Progress, build_cache, open_cache
from cxr_xai.data.dataset import StudyDataset
from cxr_xai.data.index import Index, Reader
from cxr_xai.data.sampling import EpochSampler
from cxr_xai.data.splits.box_halves import half_rows
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.split import PARTS, Split, SplitScheme
from cxr_xai.data.transforms.none import NoTransform
from cxr_xai.errors import UserError
from cxr_xai.types import Batch

Transform = Callable[[Batch, int], Batch]
"""``(uint8 batch, epoch)`` → batch with float images in [0, 1]."""


class ChestXrayDataModule(LightningDataModule):
    """Everything from a folder of films to batches on the device.

    Args:
        root: the folder of the source.
        reader: reads it into an index.
        split: divides its patients.
        transform: training randomness; validation, test and explanations always see the plain film.
        balancing: weights or draws, computed from the training part.
        image_size: side of the square image in pixels.
        cache_dir: where decoded films are kept; None decodes at every access.
        batch_size: studies per step and process.
        num_workers: loader processes; 0 suits the cache, which delivers faster than processes can pass on.
        seed: of the visiting order.
        progress: told while films are decoded.
    """

    def __init__(
        self,
        root: str | Path,
        reader: Reader,
        split: SplitScheme | None = None,
        transform: Transform | None = None,
        balancing: Balancing | None = None,
        image_size: int = 224,
        cache_dir: str | Path | None = None,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        super().__init__()
        if image_size < 32:
            raise UserError(f"datamodule.image_size is {image_size}; films below 32 pixels show nothing.")
        self.root, self.reader = Path(root), reader
        self.scheme = OfficialSplit() if split is None else split
        self.balancing = NoBalancing() if balancing is None else balancing
        self.transform, self.plain = transform or NoTransform(), NoTransform()
        self.image_size, self.batch_size, self.num_workers, self.seed = image_size, batch_size, num_workers, seed
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        self.progress = progress

    @cached_property
    def index(self) -> Index:
        """The study table, read once."""
        return self.reader.read(self.root)

    @cached_property
    def split(self) -> Split:
        """The parts, proved patient-disjoint over the whole label file."""
        split = self.scheme.split(self.index)
        for part in PARTS:
            if not self.index.present[split.rows(part)].any():
                raise UserError(
                    f"split={split.scheme} leaves no image for {part}: {self.root} holds "
                    f"{self.index.present.sum():,} of {len(self.index.studies):,} films; "
                    "unpack more of the release, or choose another split."
                )
        return split

    @cached_property
    def plan(self) -> BalancePlan:
        """The balancing of the training part, computed once."""
        return self.balancing.plan(self.index.targets[self.dataset("train").rows])

    @property
    def prevalence(self) -> npt.NDArray[np.float64]:
        """``(K,)`` share of positives as training meets them, balancing included."""
        return seen_prevalence(self.index.targets[self.dataset("train").rows], self.plan)

    @cached_property
    def _film_numbers(self) -> npt.NDArray[np.int64]:
        return np.where(self.index.present, self.index.present.cumsum() - 1, -1)

    @cached_property
    def _films(self) -> Films:
        paths = self.index.studies["path"][self.index.present].tolist()
        if self.cache_dir is None:
            return FilmFiles(paths, self.image_size)
        return open_cache(build_cache(paths, self.image_size, self.cache_dir, self.progress))

    def prepare_data(self) -> None:
        """Make the source and the store if they are not there yet; only the first process of a machine does this."""
        _ = self._films

    def dataset(self, part: str) -> StudyDataset:
        """Return the studies of ``train``, ``val`` or ``test``."""
        return self.dataset_of(self.split.rows(part))

    def dataset_of(self, rows: npt.NDArray[np.int64]) -> StudyDataset:
        """Return the studies of any rows of the table."""
        return StudyDataset(rows, self._films, self._film_numbers, self.index.targets)

    def boxed_rows(self, half: str) -> npt.NDArray[np.int64]:
        """Return the rows of boxed studies with a film, of the ``monitored`` or the ``sealed`` half."""
        boxed = self.index.studies["image_id"].isin(self.index.boxes["image_id"]).to_numpy() & self.index.present
        return half_rows(half, self.index.studies, boxed, self.split)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Apply the transform on the device: random in training, plain elsewhere."""
        trainer = self.trainer
        if trainer is not None and trainer.training:
            return self.transform(batch, trainer.current_epoch)
        return self.plain(batch, 0)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Visit the training part in an order that belongs to the epoch."""
        return self._loader(self.dataset("train"), shuffle=True, weights=self.plan.draw_weights)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Visit val in table order."""
        return self._loader(self.dataset("val"))

    def predict_dataloader(self) -> list[DataLoader[Batch]]:
        """Visit val, then test."""
        return [self._loader(self.dataset("val")), self._loader(self.dataset("test"))]

    def _loader(self, dataset: StudyDataset, shuffle: bool = False, weights: Any = None) -> DataLoader[Batch]:
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
        sampler = EpochSampler(len(dataset), shuffle, weights, self.seed, rank, world_size)
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=keep,
            persistent_workers=self.num_workers > 0,
            # A last batch of one would break BatchNorm's statistics.
            drop_last=shuffle and len(sampler) > self.batch_size and len(sampler) % self.batch_size == 1,
        )


def keep(batch: Any) -> Any:
    """Pass on what the dataset made: it is a batch already."""
    return batch
