"""One source, split and cached, as Lightning wants it."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader

from cxr_xai.data.balancing.none import NoBalancing
from cxr_xai.data.balancing.plan import BalancePlan, Balancing, TrainingPart, drawn_prevalence, seen_prevalence
from cxr_xai.data.dataset import StudyDataset
from cxr_xai.data.evidence.boxes import annotated
from cxr_xai.data.films.files import FilmFiles, Films, Progress, Selection, measure_films
from cxr_xai.data.films.quarantine import find_unfit, read_exclusions, require_sound
from cxr_xai.data.films.store import Store, build_store, open_store, verify_store
from cxr_xai.data.index import HeaderReader, Index, Reader
from cxr_xai.data.loader import StudyLoader
from cxr_xai.data.sampling import EpochSampler
from cxr_xai.data.shards.layout import Shards, open_shards, place_films
from cxr_xai.data.shards.order import ShardSampler, require_lanes
from cxr_xai.data.shards.read import ShardFilms, require_webdataset
from cxr_xai.data.splits.box_halves import half_rows
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.split import PREDICTED, Split, SplitScheme
from cxr_xai.data.transforms.none import NoTransform
from cxr_xai.data.transforms.probe import require_geometry
from cxr_xai.data.transforms.transform import Transform
from cxr_xai.errors import UserError
from cxr_xai.types import Batch


class ChestXrayDataModule(LightningDataModule):
    """Everything from a folder of films to batches on the device.

    Args:
        root: the folder of the source.
        reader: reads it into an index.
        split: divides its patients.
        transform: training randomness; validation, test and explanations always see the plain film.
        balancing: weights or draws, computed from the training part.
        image_size: side of the square image in pixels.
        cache_dir: where decoded films are kept; None measures every film once and then decodes at every access.
        exclude: a CSV with the columns ``image_id,reason``: films that a person judged unfit.
        shards: a folder of shards (`data.shards`), read in turn in place of files and cache.
        shard_url: where its shards are read from, ``{}`` standing for their names; None reads them from the folder.
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
        exclude: str | Path | None = None,
        shards: str | Path | None = None,
        shard_url: str | None = None,
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
        self.shard_folder, self.shard_url = None if shards is None else Path(shards), shard_url
        self.exclude = None if exclude is None else Path(exclude)
        self.progress = progress

    @cached_property
    def source(self) -> Index:
        """The study table as the source has it, read once; films in shards need not be there as files."""
        if self.shards is None:
            return self.reader.read(self.root)
        return replace(self.tables, studies=place_films(self.shards, self.tables.studies))

    @cached_property
    def shards(self) -> Shards | None:
        """The shards that films are read from; None where they come from files or the cache."""
        if self.shard_folder is None:
            return None
        require_webdataset()
        require_lanes(self.num_workers)
        return open_shards(self.shard_folder, self.image_size, self.shard_url)

    @cached_property
    def tables(self) -> Index:
        """The study table and the boxes as the source has them; no film need be there, shards have their headers."""
        if self.shard_folder is not None and isinstance(self.reader, HeaderReader) and self.shards is not None:
            return self.reader.read_beside(self.root, self.shards.headers)
        return self.reader.read_tables(self.root)

    @cached_property
    def index(self) -> Index:
        """The study table without the films in quarantine: their rows stay, their paths are gone."""
        studies, quarantine = self.source.studies, self.quarantine
        paths = studies["path"].mask(studies["image_id"].isin(quarantine["image_id"]), None)
        counts = {**self.source.counts, "films in quarantine": len(quarantine)}
        return replace(self.source, studies=studies.assign(path=paths), counts=counts)

    @cached_property
    def quarantine(self) -> pd.DataFrame:
        """The films that no run uses: ``image_id, patient_id, reason``, one row each."""
        table = self.film_table.assign(reason=find_unfit(self.facts, self.film_table["patient_id"].tolist()).to_numpy())
        unfit = table[table["reason"] != ""]
        require_sound(dict(zip(unfit["image_id"], unfit["reason"], strict=True)), len(table))
        if self.exclude is not None:
            chosen = table["image_id"].map(read_exclusions(self.exclude, self.source.studies["image_id"]))
            table["reason"] = table["reason"].mask(chosen.notna(), chosen)
        return table.loc[table["reason"] != "", ["image_id", "patient_id", "reason"]].reset_index(drop=True)

    @cached_property
    def split(self) -> Split:
        """The parts, proved patient-disjoint over the whole label file."""
        split = self.scheme.split(self.index)
        for part in split.parts:
            if not self.index.present[split.rows(part)].any():
                raise UserError(
                    f"split={split.scheme} leaves no image for {part}: {self.root} holds "
                    f"{self.index.present.sum():,} of {len(self.index.studies):,} films; "
                    "unpack more of the release, or choose another split."
                )
        return split

    @cached_property
    def plan(self) -> BalancePlan:
        """The balancing of the training part, computed once from nothing else."""
        rows = self.dataset("train").rows
        films = Selection(self.films, self._film_numbers[rows])
        plan = self.balancing.plan(TrainingPart(self.index.targets[rows], films))
        if self.shards is not None and (plan.draw_weights is not None or plan.synthetic is not None):
            raise UserError(
                "shards are read in turn, and this balancing draws films out of turn; use pos_weight or none."
            )
        return plan

    @property
    def prevalence(self) -> npt.NDArray[np.float64]:
        """``(K,)`` share of positives as the loss meets them, draws, synthetic studies and weights included."""
        return seen_prevalence(self.index.targets[self.dataset("train").rows], self.plan)

    @property
    def drawn_prevalence(self) -> npt.NDArray[np.float64]:
        """``(K,)`` expected share of positives as the loader serves them; NaN where none is known."""
        return drawn_prevalence(self.index.targets[self.dataset("train").rows], self.plan)

    @cached_property
    def film_table(self) -> pd.DataFrame:
        """The film files of the source in the order of the store: by name, the same for every edition of the labels."""
        found = self.source.studies[self.source.present]
        return found[["image_id", "patient_id", "path"]].sort_values("image_id", kind="stable")

    @cached_property
    def _film_numbers(self) -> npt.NDArray[np.int64]:
        numbers = np.full(len(self.source.studies), -1)
        numbers[self.film_table.index] = np.arange(len(self.film_table))
        return np.where(self.index.present, numbers, -1)

    @cached_property
    def store(self) -> Store | None:
        """The decoded films, made or continued if need be; None where there is no cache."""
        if self.cache_dir is None or self.shards is not None:
            return None
        paths = self.film_table["path"].tolist()
        return open_store(build_store(paths, self.image_size, self.cache_dir, self.progress))

    @cached_property
    def facts(self) -> pd.DataFrame:
        """What is known of every film file, in the order of ``film_table``."""
        if self.shards is not None:
            return self.shards.facts
        if self.store is not None:
            return self.store.facts
        measured = measure_films(self.film_table["path"].tolist(), self.image_size, self.progress)
        return pd.DataFrame([facts.as_row() for facts in measured])

    def film_bytes(self) -> dict[str, int]:
        """Return the length of the file of every film in use, by its name; of films in shards that of their source."""
        if self.shards is None:
            return {Path(path).name: Path(path).stat().st_size for path in self.index.studies["path"].dropna()}
        used = self.shards.facts[self.shards.facts["image_id"].isin(self.index.studies["image_id"][self.index.present])]
        return dict(zip(used["file"], used["bytes"].astype(int), strict=True))

    @cached_property
    def films(self) -> Films:
        """All films of the source, those in quarantine included, in the order of ``film_table``."""
        if self.shards is not None:
            return ShardFilms(self.shards)
        if self.store is not None:
            return self.store.films
        return FilmFiles(self.film_table["path"].tolist(), self.image_size)

    @cached_property
    def geometry(self) -> float:
        """How far, in pixels, probe films come back from where the transform's matrices say; above half it refuses."""
        return require_geometry(self.transform, self.image_size)

    def prepare_data(self) -> None:
        """Make source and store if they are not there yet, check every byte of the store, and probe the transform.

        Only the first process of a machine does this.
        """
        _ = self.index, self.geometry
        if self.store is not None:
            verify_store(self.store.folder)

    def dataset(self, part: str) -> StudyDataset:
        """Return the studies of one part: ``train``, ``val``, ``test``, ``selection``, ``external``."""
        return self.dataset_of(self.split.rows(part))

    def training_set(self) -> StudyDataset:
        """Return the training studies as they are trained on: with synthetic ones and mixed, as configured."""
        mix = self.transform.mix if self.transform.mixes else None
        rows = self.split.rows("train")
        return StudyDataset(rows, self.films, self._film_numbers, self.index.targets, self.plan.synthetic, mix)

    def dataset_of(self, rows: npt.NDArray[np.int64]) -> StudyDataset:
        """Return the studies of any rows of the table."""
        return StudyDataset(rows, self.films, self._film_numbers, self.index.targets)

    def boxed_rows(self, half: str) -> npt.NDArray[np.int64]:
        """Return the rows of boxed studies with a film: ``monitored`` or ``sealed`` half, or ``selection`` fold."""
        return half_rows(half, self.index.studies, self._boxed, self.split)

    def guided_rows(self, fraction: float = 1.0) -> npt.NDArray[np.int64]:
        """Return the rows of boxed training studies with a film, of a share of their patients (`annotated`)."""
        rows = np.flatnonzero(self._boxed & (self.split.part == "train"))
        return rows[[annotated(patient, fraction) for patient in self.index.studies["patient_id"].iloc[rows]]]

    @property
    def _boxed(self) -> npt.NDArray[np.bool_]:
        named = self.index.studies["image_id"].isin(self.index.boxes["image_id"]).to_numpy(bool)
        return named & self.index.present

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Apply the transform on the device: random in training, plain elsewhere."""
        trainer = self.trainer
        if trainer is not None and trainer.training:
            return self.transform(batch, trainer.current_epoch)
        return self.plain(batch, 0)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Visit the training part in an order that belongs to the epoch."""
        return self._loader(self.training_set(), shuffle=True, weights=self.plan.draw_weights)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Visit val, each study once: in table order, or shard by shard."""
        return self._loader(self.dataset("val"))

    def predict_dataloader(self) -> list[DataLoader[Batch]]:
        """Visit val, then test, then what the split holds out beside them."""
        return [self._loader(self.dataset(part)) for part in PREDICTED if part in self.split.parts]

    def _loader(self, dataset: StudyDataset, shuffle: bool = False, weights: Any = None) -> DataLoader[Batch]:
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
        if self.shards is None:
            sampler = EpochSampler(len(dataset), shuffle, weights, self.seed, rank, world_size)
        else:
            homes = self.shards.shard[self._film_numbers[dataset.rows]]
            per_shard = self.shards.manifest["per_shard"]
            sampler = ShardSampler(homes, shuffle, self.seed, rank, world_size, self.batch_size, per_shard)
        kind: type[DataLoader[Batch]] = StudyLoader if shuffle else DataLoader
        return kind(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=keep,
            persistent_workers=self.num_workers > 0,
            # A last batch of one would break BatchNorm's statistics.
            drop_last=shuffle and len(sampler) > self.batch_size and len(sampler) % self.batch_size == 1,
            generator=torch.Generator(),  # a pass would otherwise draw from the global random state
        )


def keep(batch: Any) -> Any:
    """Pass on what the dataset made: it is a batch already."""
    return batch
