"""Local records, read back: whole ones, torn ones, and those that never began."""

from pathlib import Path

import pytest

pytest.importorskip("wandb")

from wandb.proto import wandb_internal_pb2 as proto

from cxr_xai.loggers.wandb_records import (
    BLOCK,
    draw_id,
    list_logs,
    mend_logs,
    read_id,
    read_records,
    read_rows,
    split_log,
)


def write_log(path: Path, records: list[bytes]) -> bytes:
    """Write a log as the client does: no chunk passes the end of a block."""
    log = b":W&B\xad\xde\x00"
    for record in records:
        rest, first = record, True
        while first or rest:
            if (room := BLOCK - len(log) % BLOCK) < 7:
                log += bytes(room)
                room = BLOCK
            chunk, rest = rest[: room - 7], rest[room - 7 :]
            kind = (1 if first else 4) if not rest else (2 if first else 3)
            log += bytes(4) + len(chunk).to_bytes(2, "little") + bytes([kind]) + chunk
            first = False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(log)
    return log


def begin() -> bytes:
    return bytes(proto.Record(run=proto.RunRecord(run_id="abc")).SerializeToString())


def make_row(step: int, text: str = "") -> bytes:
    items = [
        proto.HistoryItem(nested_key=["val/loss"], value_json=str(step / 2)),
        proto.HistoryItem(nested_key=["_step"], value_json=str(step)),
        proto.HistoryItem(key="text", value_json=f'"{text}"'),
    ]
    return bytes(proto.Record(history=proto.HistoryRecord(item=items)).SerializeToString())


def test_records_of_all_lengths_come_back(tmp_path: Path) -> None:
    lengths = [0, 1, 100, BLOCK - 150, BLOCK, 3 * BLOCK + 11, 5]
    data = write_log(tmp_path / "a.wandb", [bytes([65]) * n for n in lengths])
    records, end = split_log(data)
    assert [len(record) for record in records] == lengths
    assert end == len(data)


def test_a_torn_record_is_left_out(tmp_path: Path) -> None:
    data = write_log(tmp_path / "a.wandb", [b"a" * 10, b"b" * (2 * BLOCK)])
    for cut in (1, BLOCK, 2 * BLOCK):
        assert split_log(data[:-cut]) == ([b"a" * 10], 7 + 7 + 10)
    assert split_log(b"") == ([], 7)


def test_rows_of_several_records_are_joined_in_their_order(tmp_path: Path) -> None:
    late, early = (tmp_path / "wandb" / f"{name}-abc/run-abc.wandb" for name in ("run-2026_3", "offline-run-2026_1"))
    write_log(late, [begin(), make_row(2)])
    write_log(early, [begin(), make_row(0), make_row(1)])
    (tmp_path / "wandb" / "latest-run").symlink_to(late.parent)
    assert list_logs(tmp_path) == [early, late]
    assert read_rows(tmp_path) == [{"val/loss": n / 2, "_step": n, "text": ""} for n in range(3)]
    assert read_rows(tmp_path / "nowhere") == []


def test_torn_ends_are_cut_off_and_runs_that_never_began_dropped(tmp_path: Path) -> None:
    torn, never, sent = (tmp_path / "wandb" / f"offline-run-{n}-abc" / "run-abc.wandb" for n in range(3))
    whole = write_log(torn, [begin(), make_row(0)])
    torn.write_bytes(whole + write_log(tmp_path / "x", [make_row(1)])[7:-3])
    never.parent.mkdir()
    never.write_bytes(b"")
    before = write_log(sent, [begin(), make_row(0)])[:-1]
    sent.write_bytes(before)
    sent.with_suffix(".wandb.synced").touch()
    mend_logs(tmp_path)
    assert torn.read_bytes() == whole
    assert not never.parent.exists()
    assert sent.read_bytes() == before, "what was sent is left alone"
    mend_logs(tmp_path)
    assert len(read_records(torn)) == 2


def test_a_folder_keeps_its_id_and_no_two_share_one(tmp_path: Path) -> None:
    assert read_id(tmp_path / "a") is None
    drawn = {draw_id(tmp_path / f"sweep{n}" / "cell") for n in range(20)}
    assert len(drawn) == 20, "the same cell of other sweeps is another run"
    assert draw_id(tmp_path / "sweep3" / "cell") == read_id(tmp_path / "sweep3" / "cell")
    (tmp_path / "sweep3" / "cell").rename(tmp_path / "sweep3" / "cell~1")
    assert draw_id(tmp_path / "sweep3" / "cell") != read_id(tmp_path / "sweep3" / "cell~1"), "begun anew"
