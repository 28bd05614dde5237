"""When rows of epochs are asked for."""

from types import SimpleNamespace

from cxr_xai.callbacks.records import Records


def test_rows_are_asked_for_between_epochs_of_loggers_that_keep_them() -> None:
    asked: list[str] = []
    loggers = [SimpleNamespace(), SimpleNamespace(record=lambda: asked.append("row"))]
    trainer = SimpleNamespace(is_global_zero=True, loggers=loggers)
    for hook in (Records().on_train_start, Records().on_train_epoch_start, Records().on_train_end):
        hook(trainer, None)
    assert asked == ["row"] * 3
    trainer.is_global_zero = False
    Records().on_train_end(trainer, None)
    assert len(asked) == 3
