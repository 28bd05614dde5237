"""``metrics.csv``: one line per epoch and key."""

from argparse import Namespace
from pathlib import Path

import pandas as pd
import pytest
import torch

from cxr_xai.loggers.csv import MetricsCsv


@pytest.fixture
def log(tmp_path: Path) -> MetricsCsv:
    return MetricsCsv(tmp_path / "run" / "metrics.csv")


def read(log: MetricsCsv) -> list[list[object]]:
    return pd.read_csv(log.path).to_numpy().tolist()


def test_one_header_and_a_line_per_key(log: MetricsCsv) -> None:
    log.log_metrics({"train/loss": 0.5, "epoch": 0}, step=10)
    log.log_metrics({"val/loss": 0.25, "val/auroc/macro": 0.75, "epoch": 1}, step=20)
    assert log.path.read_text().count("epoch,key,value") == 1
    assert read(log) == [[0, "train/loss", 0.5], [1, "val/loss", 0.25], [1, "val/auroc/macro", 0.75]]


def test_without_an_epoch_the_step_stands_for_it(log: MetricsCsv) -> None:
    log.log_metrics({"a": 1.0}, step=4)
    log.log_metrics({"a": 2.0})
    assert read(log) == [[4, "a", 1.0], [0, "a", 2.0]]


def test_values_lose_no_digit(log: MetricsCsv) -> None:
    log.log_metrics({"a": 0.1 + 0.2, "b": float(torch.tensor(1 / 3)), "c": 1e-320, "epoch": 0})
    assert pd.read_csv(log.path)["value"].tolist() == [0.1 + 0.2, float(torch.tensor(1 / 3)), 1e-320]


def test_undefined_stays_undefined(log: MetricsCsv) -> None:
    log.log_metrics({"val/auroc/Hernia": float("nan"), "epoch": 0})
    assert pd.read_csv(log.path)["value"].isna().all()


def test_cut_drops_what_was_logged_since(log: MetricsCsv) -> None:
    for epoch in range(12):
        if epoch == 10:
            size = log.path.stat().st_size
        log.log_metrics({"val/a": float(epoch), "epoch": epoch})
    log.log_metrics({"test/a": 3.0, "epoch": 3})
    log.cut(size)
    assert [row[0] for row in read(log)] == list(range(10))
    log.log_metrics({"val/a": 10.5, "epoch": 10})
    assert read(log)[-1] == [10, "val/a", 10.5]
    assert log.path.read_text().count("epoch,key,value") == 1


@pytest.mark.parametrize("torn", ["3", "3,val", "3,val/l", ""])
@pytest.mark.parametrize("lost", [0, 9])
def test_cut_mends_a_torn_last_line(log: MetricsCsv, torn: str, lost: int) -> None:
    """Also where the disk lost the end of what had been logged."""
    log.log_metrics({"val/a": 1.0, "epoch": 0})
    size = log.path.stat().st_size + lost
    with log.path.open("a", newline="") as file:
        file.write(torn)
    log.cut(size)
    log.log_metrics({"val/a": 2.0, "epoch": 3})
    assert read(log) == [[0, "val/a", 1.0], [3, "val/a", 2.0]]


def test_cutting_everything_begins_anew(log: MetricsCsv) -> None:
    log.cut(0)
    log.log_metrics({"val/a": 1.0, "epoch": 0})
    log.cut(0)
    assert not log.path.exists()


def test_hyperparameters_are_not_repeated_here(log: MetricsCsv) -> None:
    log.log_hyperparams(Namespace(a=1))
    assert not log.path.exists()
    assert (log.name, log.version) == ("csv", "")
