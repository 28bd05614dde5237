"""What is logged and gathered, with a classifier that reads its logit from the film."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from lightning import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cxr_xai.data.tta.shifts import Shifts
from cxr_xai.losses.bce import BCE
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.training.schedulers.cosine import Cosine
from cxr_xai.types import Batch

LN3 = math.log(3)


class Brightness(nn.Module):
    """All 14 logits of a film are its mean; a frozen and a free parameter beside."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(14))
        self.frozen = nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, image: Tensor) -> Tensor:
        return image.mean(dim=(1, 2, 3))[:, None] * self.scale


def make_module(**options: Any) -> ChestXrayModule:
    return ChestXrayModule(Brightness(), BCE(), lambda parameters: torch.optim.SGD(parameters, lr=0.1), **options)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ChestXrayModule:
    """It notes what it logs in ``logged``."""
    module = make_module()
    logged: dict[str, float] = {}
    monkeypatch.setattr(
        module, "log", lambda key, value, **_: logged.update({key: float(torch.as_tensor(value).detach())})
    )
    monkeypatch.setattr(module, "log_dict", lambda values, **_: logged.update(values))
    module.logged = logged
    return module


def make_batch(rows: list[int], logits: list[float], targets: list[float]) -> Batch:
    image = torch.tensor(logits).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    return Batch(torch.tensor(rows), image, torch.tensor(targets)[:, None].repeat(1, 14))


def test_the_loss_of_val_is_that_of_all_studies_at_once(module: ChestXrayModule) -> None:
    last = make_batch([7], [LN3], [0.0])
    last.target[0, 1:] = torch.nan
    module.validation_step(make_batch([3, 1], [0.0, LN3], [0.0, 1.0]), 0)
    module.validation_step(last, 1)
    module.on_validation_epoch_end()
    # -log σ(0) = ln 2, -log σ(ln 3) = ln 4/3, -log(1 - σ(ln 3)) = ln 4; the last study has one known label.
    expected = (14 * math.log(2) + 14 * math.log(4 / 3) + math.log(4)) / 29
    assert module.logged["val/loss"] == pytest.approx(expected, rel=1e-6)
    # Atelectasis: a positive and a negative at ln 3, a negative at 0. The others: the positive above the negative.
    assert module.logged["val/auroc/Atelectasis"] == pytest.approx(0.75)
    assert module.logged["val/auroc/Hernia"] == 1
    assert module.logged["val/auroc/macro"] == pytest.approx((0.75 + 13) / 14)


def test_padded_studies_count_once_and_epochs_do_not_mix(module: ChestXrayModule) -> None:
    for logit, loss in ((LN3, math.log(4 / 3)), (-LN3, math.log(4))):
        module.validation_step(make_batch([0, 1, 0], [0.0, logit, 0.0], [0.0, 1.0, 0.0]), 0)
        module.on_validation_epoch_end()
        assert module.logged["val/loss"] == pytest.approx((math.log(2) + loss) / 2, rel=1e-6)


def test_a_finding_of_one_kind_has_no_auroc(module: ChestXrayModule) -> None:
    batch = make_batch([0, 1], [0.0, LN3], [0.0, 1.0])
    batch.target[:, 2] = 0
    module.validation_step(batch, 0)
    module.on_validation_epoch_end()
    assert math.isnan(module.logged["val/auroc/Effusion"])
    assert module.logged["val/auroc/macro"] == 1


def test_unknown_targets_do_not_train(module: ChestXrayModule) -> None:
    batch = make_batch([0], [LN3], [0.0])
    batch.target[0, 1:] = torch.nan
    loss = module.training_step(batch, 0)
    assert loss.item() == pytest.approx(math.log(4), rel=1e-6)
    loss.backward()
    gradient = module.model.scale.grad
    assert gradient[0].item() == pytest.approx(0.75 * LN3, rel=1e-5)  # (σ - y) x
    assert (gradient[1:] == 0).all()


class Ranks:
    """A trainer of so many processes that all hold the same."""

    def __init__(self, count: int) -> None:
        self.strategy, self.count = self, count

    def reduce(self, value: Tensor, reduce_op: str) -> Tensor:
        return value.mul_(self.count)  # in place, as Lightning does


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("cut", [False, True])
def test_the_loss_of_an_epoch_is_the_mean_over_its_studies_cut_or_not(
    module: ChestXrayModule, monkeypatch: pytest.MonkeyPatch, ranks: int, cut: bool
) -> None:
    monkeypatch.setattr(ChestXrayModule, "trainer", Ranks(ranks))
    checkpoint: dict[str, Any] = {}
    for _ in range(2):  # epochs do not mix
        module.training_step(make_batch([0, 1, 2], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]), 0)
        module.on_save_checkpoint(checkpoint)
        module.on_save_checkpoint(checkpoint)  # saving changes nothing
        if cut and ranks == 1:
            module._loss_sums = torch.full((2,), torch.nan)
            module.on_load_checkpoint(checkpoint)
        module.training_step(make_batch([3], [LN3], [1.0]), 1)
        module.on_train_epoch_end()
        assert module.logged["train/loss"] == pytest.approx((3 * math.log(2) + math.log(4 / 3)) / 4, rel=1e-6)
    assert checkpoint["loss_sums"].tolist() == pytest.approx([3 * ranks * math.log(2), 3 * ranks], rel=1e-6)


def test_smoothed_labels_train_and_val_is_judged_without() -> None:
    module = ChestXrayModule(Brightness(), BCE(smoothing=0.2), lambda parameters: torch.optim.SGD(parameters, lr=0.0))
    batch = make_batch([0], [LN3], [1.0])
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    loader = DataLoader([batch], batch_size=None, collate_fn=lambda one: one)
    trainer.fit(module, loader, loader)
    plain, other = math.log(4 / 3), math.log(4)
    assert float(trainer.callback_metrics["val/loss"]) == pytest.approx(plain, rel=1e-6)
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(0.9 * plain + 0.1 * other, rel=1e-6)


def test_a_scheduler_of_steps_can_be_tried_without_a_trainer() -> None:
    configured = make_module(make_scheduler=partial(Cosine, epochs=3)).configure_optimizers()
    assert configured["lr_scheduler"]["interval"] == "step"


def test_val_and_test_are_gathered_apart(module: ChestXrayModule) -> None:
    for _ in range(2):  # a second pass starts from nothing
        module.predict_step(make_batch([5, 2], [0.5, 0.2], [1.0, 0.0]), 0)
        module.predict_step(make_batch([9], [0.9], [1.0]), 0, 1)
        module.on_predict_epoch_end()
        (rows, logits, target), (other, _, _) = module.gathered
        assert (rows.tolist(), other.tolist()) == ([2, 5], [9])
        assert logits[:, 0].tolist() == pytest.approx([0.2, 0.5])
        assert target[:, 13].tolist() == [0, 1]


def test_views_are_averaged_in_prediction_alone() -> None:
    module = make_module(tta=Shifts(0.1))
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 0, 0] = 25.0  # the mean of the film is 1; two of five views lose the corner
    batch = Batch(torch.tensor([0]), image, torch.zeros(1, 14))
    assert module.predict_step(batch, 0)[0, 0].item() == pytest.approx(3 / 5)
    module.validation_step(batch, 0)
    assert module.val.logits[0][0, 0].item() == 1
    assert make_module().predict_step(batch, 0)[0, 0].item() == 1


def test_frozen_parameters_are_not_optimized() -> None:
    optimizer = make_module().configure_optimizers()
    assert [p.shape for group in optimizer.param_groups for p in group["params"]] == [torch.Size([14])]


def test_a_scheduler_watches_the_monitor() -> None:
    def plateau(optimizer: torch.optim.Optimizer) -> Any:
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)

    configured = make_module(make_scheduler=plateau, monitor="val/auroc/macro").configure_optimizers()
    assert configured["lr_scheduler"]["monitor"] == "val/auroc/macro"
    assert configured["lr_scheduler"]["scheduler"].optimizer is configured["optimizer"]
