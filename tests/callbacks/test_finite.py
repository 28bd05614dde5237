"""Training stops at the first loss that is no number, and says where."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks import finite
from cxr_xai.callbacks.finite import Finite, NotFinite, name_studies, require_finite
from cxr_xai.types import Batch

NAMES = ["a.png", "b.png", "c.png"]
NAN = float("nan")


def make_trainer(world_size: int = 1, another: bool = False) -> Any:
    """A trainer at step 7 of epoch 2; ``another`` rank may have met a loss that is not finite."""
    strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision or another)
    return SimpleNamespace(global_step=7, current_epoch=2, world_size=world_size, strategy=strategy)


def end_batch(callback: Finite, loss: Tensor, trainer: Any, rows: tuple[int, ...] = (2, 0)) -> None:
    batch: Any = Batch(torch.tensor(rows), torch.zeros(len(rows), 1, 4, 4), torch.zeros(len(rows), 14))
    callback.on_train_batch_end(trainer, None, {"loss": loss}, batch, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [NAN, float("inf"), -float("inf")])
def test_it_says_which_images_which_step_and_what_to_try(tmp_path: Path, value: float) -> None:
    folder = RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    torch.save({"global_step": 5}, folder.last)
    callback = Finite(NAMES, folder)
    end_batch(callback, torch.tensor(1.0), make_trainer())
    with pytest.raises(NotFinite) as raised:
        end_batch(callback, torch.tensor(value), make_trainer())
    assert str(raised.value).startswith(
        f"the loss is {value:g} in the batch of c.png, a.png (step 7, epoch 2); "
        f"the last good checkpoint is {folder.last} (step 5); try a smaller optimizer.lr"
    )


def test_all_ranks_stop_and_name_the_one_that_met_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finite, "gather", lambda mine: [mine, (NAN, "b.png")])
    with pytest.raises(
        NotFinite, match=r"^the loss is nan on rank 1 in the batch of b\.png .*no checkpoint was written"
    ):
        end_batch(Finite(NAMES, RunFolder(tmp_path)), torch.tensor(1.0), make_trainer(2, another=True))


def test_a_device_is_asked_one_batch_later_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere:
        """A loss on another device, which notes when it is waited for."""

        def __init__(self, value: float) -> None:
            self.value, self.device, self.asked = value, SimpleNamespace(type="cuda"), False

        def __float__(self) -> float:
            self.asked = True
            return self.value

    callback, fine, bad = Finite(NAMES, RunFolder(tmp_path)), Elsewhere(1.0), Elsewhere(NAN)
    end_batch(callback, fine, make_trainer())  # type: ignore[arg-type]
    assert not fine.asked
    end_batch(callback, bad, make_trainer(), (1,))  # type: ignore[arg-type]
    assert fine.asked
    assert not bad.asked
    with pytest.raises(NotFinite, match=r"in the batch of b\.png"):
        callback.on_train_epoch_end(make_trainer(), None)  # type: ignore[arg-type]


def test_many_studies_are_counted() -> None:
    assert name_studies(range(10), [f"{n}.png" for n in range(10)]).endswith("6.png, 7.png and 2 more")


@pytest.mark.parametrize("value", [NAN, float("inf")])
@pytest.mark.parametrize("name", ["weight", "running_var"])
def test_weights_and_statistics_that_are_not_finite_are_not_written(tmp_path: Path, name: str, value: float) -> None:
    trainer, module = make_trainer(), torch.nn.BatchNorm2d(2)
    trainer.lightning_module = module
    module.state_dict()["running_var"][0] = 3e38  # finite, and its square is not
    require_finite(trainer, RunFolder(tmp_path))
    message = "weights are not finite after step 7; no checkpoint was written before; try"
    for another in (False, True):
        trainer.strategy = make_trainer(2, another).strategy
        module.state_dict()[name][1] = 1.0 if another else value
        with pytest.raises(NotFinite, match=message):
            require_finite(trainer, RunFolder(tmp_path))
