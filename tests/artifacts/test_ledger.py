"""Lines of the ledger are added, never lost, whoever writes at the same time."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.certificate import hash_code
from cxr_xai.artifacts.ledger import LEDGER_COLUMNS, count_reads, first_read, note_read, read_ledger

PROJECT = Path(__file__).parents[2]
WRITE = """
import sys
from pathlib import Path
from cxr_xai.artifacts import ledger
ledger.hash_code = lambda: "c0ffee00"
for number in range(100):
    ledger.note_read(Path(sys.argv[1]), "test labels", f"{sys.argv[2]} {number}", number)
"""


def test_a_line_says_when_what_why_who_and_with_which_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/scripts/report.py", "folder=x"])
    path = tmp_path / "new" / "ledger.csv"
    note_read(path, "test labels", "tables, and\nfigures", 25_596)
    note_read(path, "sealed boxes", "headline", 440)
    head, first, second = path.read_text().splitlines()
    assert head == ",".join(LEDGER_COLUMNS)
    assert first.endswith(f',test labels,"tables, and figures",report.py,25596,{hash_code()[:8]}')
    assert "+00:00," in second
    table = read_ledger(path)
    assert tuple(table.columns) == LEDGER_COLUMNS
    assert table["rows"].tolist() == [25_596, 440]
    assert table["time"].is_monotonic_increasing


def test_two_processes_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    command = [sys.executable, "-c", WRITE, str(path)]
    writers = [subprocess.Popen([*command, name], cwd=PROJECT) for name in ("one", "other")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    lines = path.read_text().splitlines()
    assert lines[0] == ",".join(LEDGER_COLUMNS)
    assert len(lines) == 201, "one header, every line"
    for name in ("one", "other"):
        table = read_ledger(path)
        mine = table[table["purpose"].str.startswith(name)]
        assert mine["rows"].tolist() == list(range(100)), "in the order in which each wrote"


def test_a_line_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    note_read(path, "test labels", "first", 1)
    with path.open("a") as file:
        file.write("2026-01-01T00:00:00.000+00:00,test la")
    note_read(path, "test labels", "third", 3)
    table = read_ledger(path)
    assert table["purpose"].fillna("").tolist() == ["first", "", "third"]
    assert table["rows"].iloc[2] == 3


def test_no_ledger_has_no_reads(tmp_path: Path) -> None:
    table = read_ledger(tmp_path / "ledger.csv")
    assert tuple(table.columns) == LEDGER_COLUMNS
    assert first_read(table) is None
    assert count_reads(table).empty


def test_reads_are_counted_by_reader_and_purpose() -> None:
    rows = [
        ("t1", "monitored boxes", "probe of epoch 0", "train.py"),
        ("t2", "monitored boxes", "probe of epoch 1", "train.py"),
        ("t3", "test labels", "predictions", "train.py"),
        ("t4", "test labels", "tables", "report.py"),
        ("t5", "test labels", "tables", "report.py"),
    ]
    table = pd.DataFrame(rows, columns=["time", "what", "purpose", "reader"]).assign(rows=1, code="c")
    counted = count_reads(table)
    assert counted.to_numpy().tolist() == [
        ["monitored boxes", "train.py", "probe", 2, "t1", "t2"],
        ["test labels", "train.py", "predictions", 1, "t3", "t3"],
        ["test labels", "report.py", "tables", 2, "t4", "t5"],
    ]
    assert first_read(table) == "t3"
    assert first_read(table, "sealed boxes") is None
