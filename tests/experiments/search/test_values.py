"""Values are read while a run writes them."""

from pathlib import Path

from cxr_xai.experiments.search.values import read_values


def test_half_a_line_is_no_value_and_a_repeated_epoch_counts_once(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.csv"
    assert read_values(metrics, "val/loss") == {}
    metrics.write_bytes(
        b"epoch,key,value\r\n0,val/loss,0.5\r\n0,train/loss,0.1\r\n1,val/loss,0.4\r\n1,val/loss,0.3\r\n2,val/loss,0.2"
    )
    assert read_values(metrics, "val/loss") == {0: 0.5, 1: 0.3}
    assert read_values(metrics, "val/auroc/macro") == {}
