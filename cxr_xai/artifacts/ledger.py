"""The ledger of reads: when test labels were read and boxes scored, by what and why. Lines are added, never changed."""

import csv
import fcntl
import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from cxr_xai.artifacts.certificate import hash_code

What = Literal["test labels", "val labels", "sealed boxes", "monitored boxes", "selection boxes", "training boxes"]

READS: tuple[str, ...] = get_args(What)
LEDGER_COLUMNS = ("time", "what", "purpose", "reader", "rows", "code")
"""``time`` in UTC, ``reader`` the script, ``rows`` studies or (study, finding) pairs, ``code`` the head of its hash."""


def utc_now() -> str:
    """Return the time as ``2026-01-31T12:00:00.000+00:00``; such texts sort as the times do."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def note_read(path: Path, what: What, purpose: str, rows: int) -> None:
    """Add a line before something is read; a reader that is cut off has been noted.

    Lines of several processes neither mix nor get lost: each is written whole at the end of the file, under a lock.
    A line that a full disk cut short is left as it is, and the next begins a new one.

    Args:
        path: ``ledger.csv`` of a run folder; made with its header by the first line.
        what: was read.
        purpose: in a few words.
        rows: how many studies, or (study, finding) pairs of boxes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = _as_line(utc_now(), what, purpose, Path(sys.argv[0]).name or "python", rows, hash_code()[:8])
    with path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed
        if size := file.seek(0, os.SEEK_END):
            file.seek(size - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        else:
            line = _as_line(*LEDGER_COLUMNS) + line
        file.write(line)
        os.fsync(file.fileno())


def _as_line(*cells: object) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([" ".join(str(cell).split()) for cell in cells])
    return text.getvalue().encode()


def read_ledger(path: Path) -> pd.DataFrame:
    """Return the lines in the order in which they were written, no lines where there is no ledger.

    Returns:
        The columns ``LEDGER_COLUMNS``, all text but ``rows``; what a line lacks is missing.
    """
    if not path.is_file():
        return pd.DataFrame(columns=list(LEDGER_COLUMNS))
    table = pd.read_csv(path, dtype=str)
    return table.assign(rows=pd.to_numeric(table["rows"], errors="coerce"))


def count_reads(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return ``what, reader, purpose, times, first, last``: how often each reader read what, and when."""
    ledger = ledger.assign(purpose=ledger["purpose"].str.replace(r" of epoch \d+$", "", regex=True))
    groups = ledger.groupby(["what", "reader", "purpose"], sort=False, dropna=False)["time"]
    return groups.agg(times="size", first="min", last="max").reset_index()


def first_read(ledger: pd.DataFrame, what: What = "test labels") -> str | None:
    """Return when something was read for the first time, None if never."""
    times = ledger.loc[ledger["what"] == what, "time"].dropna()
    return None if times.empty else str(times.min())
