"""What is tested: a run's network, and the studies that are explained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from cxr_xai.artifacts.ledger import note_read
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.box_probe import BoxProbe, Pairs, choose_rows
from cxr_xai.data.boxes import boxes_in_pixels
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.errors import UserError
from cxr_xai.experiments.reopen import open_run
from cxr_xai.experiments.sanity.meter import Meter
from cxr_xai.explainers.contract import Explainer, borrow
from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.metrics.prior import ClassBoxPrior
from cxr_xai.metrics.sanity.randomization import Stage
from cxr_xai.metrics.sanity.similarity import other_patients

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Films:
    """Films with the (film, finding) pairs that are judged.

    Attributes:
        image: ``(N, 1, H, W)`` in [0, 1], on the CPU.
        table: ``image_id, patient_id, finding``, one row per pair.
        position: ``(M,)`` the film of each pair.
        finding: ``(M,)`` the column of each pair.
    """

    image: Tensor
    table: pd.DataFrame
    position: npt.NDArray[np.int64]
    finding: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Subject:
    """A run, opened again.

    Attributes:
        folder: of the run.
        trained: its settings.
        model: with its best weights, on ``device``.
        weights: SHA-256 of the checkpoint.
        data: the run's source.
        device: where the model is.
        films: test studies with a finding that is present and predicted.
        boxed: studies of the monitored half with their boxes.
        boxes: of the boxed pairs, xyxy pixels.
        prior: of all boxes of the source.
        batch: films at once.
        meter: is told of every film that is explained or predicted.
    """

    folder: RunFolder
    trained: Settings
    model: nn.Module
    weights: str
    data: ChestXrayDataModule
    device: torch.device
    films: Films
    boxed: Films
    boxes: list[Tensor]
    prior: ClassBoxPrior
    batch: int
    meter: Meter = field(default_factory=Meter)
    _plain: "WeakKeyDictionary[Explainer, Tensor]" = field(default_factory=WeakKeyDictionary)

    @property
    def size(self) -> tuple[int, int]:
        """``(H, W)`` of the films."""
        return self.data.image_size, self.data.image_size

    def predict(self, image: Tensor) -> Tensor:
        """``(N, 1, H, W)`` → ``(N, K)`` logits of the plain model."""
        with borrow(self.model) as lent:
            logits: Tensor = lent(image.to(self.device))
        self.meter.add(len(image))
        return logits

    def explain(
        self, explainer: Explainer, films: Films, model: nn.Module | None = None, image: Tensor | None = None
    ) -> Tensor:
        """Return ``(M, h, w)`` raw maps of all pairs, on the CPU; a batch is explained for its own findings only."""
        return explain_pairs(explainer, model or self.model, films, self.device, self.batch, image, self.meter.add)

    def plain_maps(self, explainer: Explainer) -> Tensor:
        """Return the network's maps of its films as they are, made once for all tests."""
        if explainer not in self._plain:
            self._plain[explainer] = self.explain(explainer, self.films)
        return self._plain[explainer]


def explain_pairs(
    explainer: Explainer,
    model: nn.Module,
    films: Films,
    device: torch.device,
    batch: int,
    image: Tensor | None = None,
    seen: Callable[[int], None] = lambda films: None,
) -> Tensor:
    """Explain pairs of films and findings, ``batch`` films at once.

    Args:
        explainer: makes the maps.
        model: on ``device``.
        films: whose pairs are explained.
        device: of the model.
        batch: films at once.
        image: shown in place of ``films.image``.
        seen: is told of every batch's films.

    Returns:
        ``(M, h, w)`` float32 on the CPU.
    """
    shown, parts, order = films.image if image is None else image, [], []
    for start in range(0, len(shown), batch):
        mine = np.flatnonzero((films.position >= start) & (films.position < start + batch))
        if not len(mine):
            continue
        findings = sorted({int(k) for k in films.finding[mine]})
        maps = explainer.explain(model, shown[start : start + batch].to(device), findings).attribution.float().cpu()
        columns = [findings.index(int(k)) for k in films.finding[mine]]
        parts.append(maps[films.position[mine] - start, columns])
        order.append(mine)
        seen(len(shown[start : start + batch]))
    if not parts:
        return torch.zeros(0, 1, 1)
    return torch.cat(parts)[np.argsort(np.concatenate(order))]


def open_subject(settings: Settings) -> Subject:
    """Open the run that ``conf/sanity.yaml`` names and choose studies; what is read is noted in its ledger.

    Raises:
        UserError: the run is not complete, its data are out of reach, or no finding is predicted where it is present.
    """
    run = open_run(settings["folder"], settings["device"])
    if settings["cells"] > (side := run.settings["datamodule"]["image_size"]):
        raise UserError(f"cells={settings['cells']}: the run's films have {side} pixels per side; ask for fewer.")
    data, most = run.reach(settings["root"], settings["paths"]["cache"]), int(settings["max_studies"])
    films = choose_films(run.folder, data, most)
    nobody: Any = _Nobody()
    probe = BoxProbe(data, nobody, "monitored", most)
    if len(probe.pairs.table):
        note_read(run.folder.ledger, "monitored boxes", "tests of explainers", len(probe.pairs.table))
    boxes = data.index.boxes
    return Subject(
        run.folder,
        run.settings,
        run.model,
        run.weights,
        data,
        run.device,
        films,
        boxed_films(data, probe.rows, probe.pairs),
        probe.pairs.boxes,
        ClassBoxPrior(boxes_in_pixels(boxes, 1), boxes["finding"].tolist(), boxes["patient_id"].tolist()),
        int(settings["batch_size"]),
    )


class _Nobody:
    name = ""  # the probe is asked for its boxes alone


def choose_films(folder: RunFolder, data: ChestXrayDataModule, most: int) -> Films:
    """Choose test studies by the hash of their name among those with a finding that is present and predicted.

    Raises:
        UserError: there is none.
    """
    table = pd.read_parquet(folder.predictions)
    test = table[table["part"] == "test"]
    note_read(folder.ledger, "test labels", "tests of explainers", test["image_id"].nunique())
    hits = test[(test["target"] == 1) & test["pred"].astype(bool)]
    ids = data.index.studies["image_id"]
    rows = np.flatnonzero((ids.isin(hits["image_id"]) & data.index.present).to_numpy())
    rows = choose_rows(ids, rows, most)
    if not len(rows):
        raise UserError(
            f"no test study of {folder.path} has a finding that is present, predicted and on a film at hand; "
            "explanations of what the network does not see say nothing: train it for longer."
        )
    names = ids.iloc[rows].to_numpy(str)
    place = {name: number for number, name in enumerate(names)}
    mine = hits[hits["image_id"].isin(place)].assign(position=lambda t: t["image_id"].map(place))
    mine = mine.assign(column=mine["finding"].map(INDEX)).sort_values(["position", "column"])
    pairs = mine[["image_id", "patient_id", "finding"]].reset_index(drop=True)
    columns = (mine[key].to_numpy(np.int64, copy=True) for key in ("position", "column"))  # torch wants to write
    return Films(read_films(data, rows), pairs, *columns)


def boxed_films(data: ChestXrayDataModule, rows: npt.NDArray[np.int64], pairs: Pairs) -> Films:
    """Return the boxed studies as films with pairs."""
    return Films(
        read_films(data, rows), pairs.table[["image_id", "patient_id", "finding"]], pairs.position, pairs.finding
    )


def read_films(data: ChestXrayDataModule, rows: npt.NDArray[np.int64]) -> Tensor:
    """Return ``(N, 1, H, W)`` plain films in [0, 1]."""
    if not len(rows):
        return torch.zeros(0, 1, data.image_size, data.image_size)
    return data.plain(data.dataset_of(rows).batch(rows), 0).image.float()


def partners_of(table: pd.DataFrame) -> tuple[npt.NDArray[np.int64], Tensor]:
    """Return for each pair the row of the same finding on another patient's film, and where there is none.

    Args:
        table: ``patient_id`` and ``finding`` of ``M`` pairs.

    Returns:
        ``(M,)`` rows, its own where there is no other; ``(M,)`` bool, True there.
    """
    partner = np.arange(len(table))
    for finding in set(table["finding"]):
        mine = np.flatnonzero(table["finding"] == finding)
        partner[mine] = mine[other_patients([table["patient_id"].iloc[row] for row in mine])]
    return partner, torch.from_numpy(partner == np.arange(len(partner)))


def stages_of(model: nn.Module) -> list[Stage]:
    """Return the parts of a network that are randomized, from the head down to the input."""
    # not `Classifier.stages`: these must have names and all weights between them, stem included, none of them twice
    trunk, head = (model.get_submodule(name) for name in ("trunk", "head"))
    parts = [(name, part) for name, part in trunk.named_children() if any(True for _ in part.parameters())]
    if len(parts) == 1:  # a trunk in one wrapper, as DenseNet's ``features``
        inside = [(name, part) for name, part in parts[0][1].named_children() if any(True for _ in part.parameters())]
        parts = inside or parts
    return [("head", head), *reversed(parts)]


def common_findings(films: Films, most: int) -> list[int]:
    """Return the columns that most pairs have, at most so many, in the order of the findings."""
    counts = np.bincount(films.finding, minlength=len(FINDINGS))
    ranked = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]]
    return sorted(ranked[:most])
