"""The selection fold is explained before the best is chosen, and the choice lies on the front."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.pareto import read_pareto
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.checkpoints import Checkpoints
from cxr_xai.callbacks.selection import AUROC, SCORE, Selection, macro_means
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.index import Index
from cxr_xai.data.splits.split import Split, make_split
from cxr_xai.errors import UserError
from cxr_xai.experiments import check

BOX = (256, 512, 128, 256)


class Aside:
    """Patients 3 and 4 are the selection fold; 1 trains, 2 and 5 validate, the rest test."""

    def split(self, index: Index) -> Split:
        part = {"1": "train", "2": "val", "3": "selection", "4": "selection", "5": "val"}
        return make_split("patient", index.studies, index.studies["patient_id"].map(part).fillna("test").to_numpy(str))


class Module:
    """Logs as Lightning does: in single precision, at once among the callback metrics."""

    def __init__(self, metrics: dict[str, Tensor]) -> None:
        self.model, self.device, self.metrics = nn.Identity(), "cpu", metrics

    def log_dict(self, values: dict[str, float], **options: Any) -> None:
        self.metrics |= {key: torch.tensor(value) for key, value in values.items()}


def end_epoch(epoch: int, auroc: float, *callbacks: Any, loss: float = 0.0, val: bool = True) -> dict[str, Tensor]:
    """Validate and end an epoch; return what was logged."""
    metrics = {AUROC: torch.tensor(auroc), "val/loss": torch.tensor(loss)}
    keeper = next((c for c in callbacks if isinstance(c, Checkpoints)), None)
    trainer = SimpleNamespace(current_epoch=epoch, callback_metrics=metrics, checkpoint_callback=keeper)
    trainer.is_global_zero, trainer.sanity_checking = True, False
    trainer.lightning_module, trainer.global_step = nn.Linear(1, 1), epoch
    trainer.strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision)
    trainer.save_checkpoint = lambda path, weights_only: keeper.saved.append(epoch)  # type: ignore[union-attr]
    for callback in callbacks:
        if val:
            callback.on_validation_end(trainer, Module(metrics))
        callback.on_train_epoch_end(trainer, Module(metrics))
    return metrics


def make_keeper(folder: RunFolder, monitor: str, mode: Any) -> Any:
    keeper: Any = Checkpoints(folder, {"configuration": "", "code": ""}, monitor, mode)
    keeper.saved = []
    return keeper


class Planned:
    """In place of a probe: localization by epoch."""

    def __init__(self, energies: list[float]) -> None:
        self.energies, self.rows = energies, np.arange(1)

    def explain(self, model: Any, device: Any, epoch: int) -> Any:
        row = dict.fromkeys(("energy", "iou", "pointing"), self.energies[epoch])
        return SimpleNamespace(scores=pd.DataFrame([{"finding": "Mass", **row}]))


MERIT = st.one_of(st.floats(0, 1), st.integers(0, 30_000).map(lambda n: 0.5 + n * 1e-5 / 3))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(MERIT, MERIT), min_size=1, max_size=8), st.floats(0.01, 0.99))
def test_the_chosen_epoch_is_on_the_front_and_is_the_one_kept(epochs: list[tuple[float, float]], weight: float) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(place)
        selection: Any = Selection(None, None, folder, weight)  # type: ignore[arg-type]
        selection.probe = Planned([energy for _, energy in epochs])
        keeper = make_keeper(folder, SCORE, "max")
        for epoch, (auroc, _) in enumerate(epochs):
            end_epoch(epoch, auroc, selection, keeper)
        table = read_pareto(folder.pareto)
    chosen = table[table["chosen"]]
    assert chosen["epoch"].tolist() == keeper.saved[-1:], "the file names the weights that are in best.ckpt"
    assert chosen["on_front"].tolist() == [True]
    assert table["epoch"].tolist() == list(range(len(epochs)))


def test_another_monitor_may_choose_off_the_front(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    selection: Any = Selection(None, None, folder)  # type: ignore[arg-type]
    selection.probe = Planned([0.2, 0.5, 0.1])
    keeper = make_keeper(folder, "val/loss", "min")
    for epoch, loss in enumerate((0.5, 0.6, 0.4)):
        end_epoch(epoch, 0.8, selection, keeper, loss=loss)
    assert keeper.saved == [0, 2]
    table = read_pareto(folder.pareto)
    assert table[["best_so_far", "chosen", "on_front"]].to_numpy().tolist() == [
        [True, False, False], [False, False, True], [True, True, False]
    ]  # fmt: skip


def test_an_undefined_auroc_is_on_no_front_and_gives_way(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    selection: Any = Selection(None, None, folder)  # type: ignore[arg-type]
    selection.probe = Planned([0.9, 0.1])
    keeper = make_keeper(folder, SCORE, "max")
    for epoch, auroc in enumerate((math.nan, 0.6)):
        end_epoch(epoch, auroc, selection, keeper)
    table = read_pareto(folder.pareto)
    assert table["on_front"].tolist() == table["chosen"].tolist() == [False, True]
    assert keeper.saved == [0, 1]


def test_means_and_score_by_hand(
    boxed_data: Callable[..., ChestXrayDataModule], hand_made: Any, in_the_box: Tensor, tmp_path: Path
) -> None:
    boxes = [(3, "Mass", *BOX), (4, "Mass", *BOX), (4, "Nodule", *BOX), (2, "Mass", *BOX), (6, "Mass", *BOX)]
    data, explainer = boxed_data(boxes, split=Aside()), hand_made({3: {4: in_the_box}, 4: {5: in_the_box}})
    folder = RunFolder(tmp_path / "run")
    callback = Selection(explainer, data, folder, weight=0.75, localization="pointing")
    callback.on_fit_start(SimpleNamespace(), None)  # type: ignore[arg-type]
    logged = end_epoch(7, 0.8, callback, make_keeper(folder, SCORE, "max"))
    assert explainer.batches == [[3, 4]], "the fold alone"
    # Mass: a hit and a dead map; Nodule: a hit.
    assert float(logged["selection/pointing/macro"]) == pytest.approx((0.5 + 1) / 2)
    assert float(logged[SCORE]) == pytest.approx(0.75 * 0.8 + 0.25 * 0.75)
    assert {key for key in logged if key.startswith("selection/")} == {
        SCORE, "selection/energy/macro", "selection/iou/macro", "selection/pointing/macro"
    }  # fmt: skip
    assert read_pareto(folder.pareto)[["epoch", "auroc", "localization"]].to_numpy().tolist() == [[7, 0.8, 0.75]]
    noted = read_ledger(folder.ledger)
    assert noted[["what", "rows", "purpose"]].to_numpy().tolist() == [["selection boxes", 3, "maps of epoch 7"]]
    assert not folder.localization.exists(), "no table of results has these boxes"


def test_macro_means_count_findings_alike_and_dead_maps_as_0() -> None:
    nan = math.nan
    scores = pd.DataFrame(
        {"finding": ["Mass", "Mass", "Nodule"], "energy": [0.2, nan, 0.5], "iou": [nan] * 3, "pointing": [1.0, 1.0, 0]}
    )
    assert macro_means(scores) == {"energy": pytest.approx(0.3), "iou": 0.0, "pointing": 0.5}


def test_nothing_happens_without_a_fold_or_without_validation(
    boxed_data: Callable[..., ChestXrayDataModule], hand_made: Any, tmp_path: Path
) -> None:
    explainer, folder = hand_made({}), RunFolder(tmp_path / "run")
    data = boxed_data([(3, "Mass", *BOX)], split=Aside())
    callback = Selection(explainer, data, folder)
    end_epoch(0, 0.8, callback)  # the fold was not looked for
    callback.on_fit_start(SimpleNamespace(), None)  # type: ignore[arg-type]
    callback.on_validation_end(SimpleNamespace(sanity_checking=True), None)  # type: ignore[arg-type]
    end_epoch(0, 0.8, callback, val=False)
    assert explainer.batches == []
    end_epoch(1, 0.8, callback)
    end_epoch(2, 0.8, callback, val=False)
    assert explainer.batches == [[3]]
    assert read_pareto(folder.pareto)["epoch"].tolist() == [1]


def test_a_fold_without_boxed_films_is_refused(boxed_data: Callable[..., ChestXrayDataModule], tmp_path: Path) -> None:
    data = boxed_data([(2, "Mass", *BOX)], split=Aside())
    with pytest.raises(UserError, match="no boxed study of the selection fold has a film"):
        Selection(None, data, RunFolder(tmp_path)).on_fit_start(SimpleNamespace(), None)  # type: ignore[arg-type]


def test_a_cut_after_validation_is_remembered() -> None:
    callback: Any = Selection(None, None, None)  # type: ignore[arg-type]
    callback.on_validation_end(SimpleNamespace(sanity_checking=False), None)
    again: Any = Selection(None, None, None)  # type: ignore[arg-type]
    again.load_state_dict(callback.state_dict())
    assert again.state_dict() == {"validated": True}


@pytest.mark.parametrize("weight", [0.0, 1.0, -1.0, 0.001])
def test_a_weight_that_forgets_one_merit_is_refused(weight: float) -> None:
    with pytest.raises(UserError, match=rf"callbacks\.selection\.weight is {weight}; it must lie between 0\.01 and"):
        Selection(None, None, None, weight)  # type: ignore[arg-type]


def test_the_name_of_the_score_is_one() -> None:
    assert check.SCORE == SCORE
