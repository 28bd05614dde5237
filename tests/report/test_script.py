import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cxr_xai.artifacts.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "report.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )


def test_the_script_writes_the_report_and_prints_its_path(make_run: Callable[..., RunFolder]) -> None:
    folder = make_run(panels=False)
    done = call(f"folder={folder.path}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(folder.report)
    assert folder.report.is_file()


def test_a_wrong_folder_is_answered_in_one_line(tmp_path: Path) -> None:
    done = call(f"folder={tmp_path}")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "not a complete run" in done.stderr.splitlines()[-1]
    assert len(done.stderr.splitlines()) <= 2


def test_no_folder_is_answered_in_one_line() -> None:
    done = call()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: folder has no value; give it on the command line: folder=…"
