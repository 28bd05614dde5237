"""A claim belongs to one living process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxr_xai import lease
from cxr_xai.lease import Lease, find_owner

HOLD = (
    "import sys, time; from pathlib import Path; from cxr_xai.lease import Lease\n"
    "lease = Lease(Path(sys.argv[1]), deadly=True); assert lease.take(timeout=0)\n"
    "print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def holder(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_living_owner_blocks_and_is_named(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    owner = find_owner(tmp_path / "lock")
    assert owner is not None
    assert str(owner) == f"process {holder.pid}"
    assert not Lease(tmp_path / "lock").take(timeout=0)


def test_a_killed_owner_frees_it_at_once(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "lock").is_file(), "nobody was left to delete it"
    assert find_owner(tmp_path / "lock") is None
    taken = Lease(tmp_path / "lock")
    assert taken.take(timeout=5)
    assert str(find_owner(tmp_path / "lock")) == f"process {os.getpid()}"
    taken.release()
    assert not (tmp_path / "lock").exists()


def test_a_silent_owner_is_none(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    long_ago = time.time() - lease.DURATION - 1
    os.utime(tmp_path / "lock", (long_ago, long_ago))
    assert find_owner(tmp_path / "lock") is None


def test_another_machine_is_named(tmp_path: Path) -> None:
    assert str(lease.Owner(7, "elsewhere")) == "process 7 on elsewhere"


def test_nobody(tmp_path: Path) -> None:
    assert find_owner(tmp_path / "lock") is None
    Lease(tmp_path / "lock").release()


def test_the_owner_ends_when_its_claim_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"import cxr_xai.lease; cxr_xai.lease.DURATION = 0.6\n{HOLD}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    (tmp_path / "lock").unlink()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "was lost (marker-missing)" in said


def test_a_dead_owner_of_whom_nobody_took_note_is_none(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    while find_owner(tmp_path / "lock") is not None:
        time.sleep(0.01)
    assert Path(f"/proc/{holder.pid}").exists(), "not waited for"


def test_a_claim_that_nobody_signed_lapses(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert not Lease(path).take(timeout=0), "its maker may be about to"
    long_ago = time.time() - lease.DURATION - 1
    os.utime(path, (long_ago, long_ago))
    taken = Lease(path)
    assert taken.take(timeout=0)
    taken.release()
