"""When maps are made, who is handed them, and what is logged."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from cxr_xai.callbacks.explain_epoch import ExplainEpoch
from cxr_xai.callbacks.explained import Explained
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.box_halves import box_half
from cxr_xai.errors import UserError

MONITORED = next(patient for patient in range(5, 60) if box_half(str(patient)) == "monitored")
BOX = (256, 512, 128, 256)


class Note:
    """A consumer that keeps what it was given."""

    def __init__(self) -> None:
        self.seen: list[Explained] = []

    def consume(self, explained: Explained, trainer: Any) -> dict[str, float]:
        self.seen.append(explained)
        return {"probe/noted": float(explained.epoch)}


class Module:
    """What the callback needs of a LightningModule."""

    def __init__(self) -> None:
        self.model, self.device, self.logged = nn.Identity(), "cpu", {}

    def log(self, key: str, value: float, **options: Any) -> None:
        self.logged[key] = value

    def log_dict(self, values: dict[str, float], **options: Any) -> None:
        self.logged |= values


def run_epochs(callback: ExplainEpoch, data: ChestXrayDataModule, epochs: int) -> list[dict[str, float]]:
    logged = []
    callback.on_fit_start(SimpleNamespace(datamodule=data), Module())
    for epoch in range(epochs):
        module, trainer = Module(), SimpleNamespace(current_epoch=epoch)
        callback.on_train_epoch_start(trainer, module)
        callback.on_train_epoch_end(trainer, module)
        logged.append(module.logged)
    return logged


@pytest.mark.parametrize("setting", ["every_n_epochs", "max_studies"])
@pytest.mark.parametrize("value", [0, -2])
def test_a_number_below_one_is_refused(setting: str, value: int) -> None:
    with pytest.raises(UserError, match=rf"callbacks\.explain\.{setting} is {value}; it must be 1 or more"):
        ExplainEpoch(None, {}, **{setting: value})


def test_epochs_between_are_skipped(boxed_data: Callable[..., ChestXrayDataModule], hand_made: Any) -> None:
    note, explainer = Note(), hand_made({})
    callback = ExplainEpoch(explainer, {"note": note, "off": None}, every_n_epochs=2)
    data = boxed_data([(MONITORED, "Mass", *BOX)], patients=MONITORED)
    logged = run_epochs(callback, data, epochs=5)
    assert [explained.epoch for explained in note.seen] == [0, 2, 4]
    assert explainer.batches == [[MONITORED]] * 3
    assert all(explained.half == "monitored" for explained in note.seen)
    assert ["probe/noted" in epoch for epoch in logged] == [True, False, True, False, True]
    for epoch in logged:
        assert epoch["probe/seconds"] >= 0
        assert 0 <= epoch["probe/share_of_epoch"] <= 1
        assert all(key.startswith("probe/") for key in epoch)
    assert 0 < callback.share <= 1


def test_one_pass_of_maps_serves_all_consumers(boxed_data: Callable[..., ChestXrayDataModule], hand_made: Any) -> None:
    first, second, explainer = Note(), Note(), hand_made({})
    data = boxed_data([(MONITORED, "Mass", *BOX)], patients=MONITORED)
    run_epochs(ExplainEpoch(explainer, {"one": first, "two": second}), data, epochs=1)
    assert len(explainer.batches) == 1
    assert first.seen[0] is second.seen[0]


def test_without_boxes_nothing_is_explained(boxed_data: Callable[..., ChestXrayDataModule], hand_made: Any) -> None:
    note, explainer = Note(), hand_made({})
    run_epochs(ExplainEpoch(explainer, {"note": note}), boxed_data([(1, "Mass", *BOX)]), epochs=1)
    assert (note.seen, explainer.batches) == ([], [])


def test_the_share_before_any_epoch_is_undefined() -> None:
    assert ExplainEpoch(None, {}).share != ExplainEpoch(None, {}).share


def test_the_clock_of_a_cut_epoch_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("cxr_xai.callbacks.explain_epoch.time.perf_counter", lambda: now[0])
    callback = ExplainEpoch(None, {})
    callback.on_train_start(SimpleNamespace(), Module())
    callback.on_train_epoch_start(SimpleNamespace(), Module())
    now[0] = 103.0
    state = callback.state_dict()
    assert state == {"seconds": 0.0, "epoch_seconds": 0.0, "spent": 3.0}
    now[0] = 5000.0  # another process
    again = ExplainEpoch(None, {})
    again.load_state_dict({**state, "seconds": 2.0, "epoch_seconds": 10.0})
    again.on_train_start(SimpleNamespace(), Module())
    now[0] = 5004.0
    again.on_train_epoch_end(SimpleNamespace(current_epoch=0), Module())
    assert again.epoch_seconds == 10.0 + 3.0 + 4.0
    assert again.share == 2.0 / 17.0
