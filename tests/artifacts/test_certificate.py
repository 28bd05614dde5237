"""What a run's numbers rest on."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import cxr_xai
from cxr_xai.artifacts import certificate
from cxr_xai.artifacts.certificate import LIBRARIES, describe_code, describe_versions, hash_code


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that may be changed, outside any git checkout."""
    root = tmp_path / "cxr_xai"
    shutil.copytree(Path(cxr_xai.__file__).parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cxr_xai, "__file__", str(root / "__init__.py"))
    return root


def test_equal_code_has_equal_hashes(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = hash_code()
    monkeypatch.undo()
    assert hash_code() == here
    assert len(here) == 64


@pytest.mark.parametrize("change", ["edit", "add", "rename", "remove"])
def test_any_change_of_a_source_changes_the_hash(copy: Path, change: str) -> None:
    before, path = hash_code(), copy / "losses" / "bce.py"
    if change == "edit":
        path.write_text(path.read_text() + "\n")
    elif change == "add":
        (copy / "losses" / "new.py").touch()
    elif change == "rename":
        path.rename(path.with_name("cross_entropy.py"))
    else:
        path.unlink()
    assert hash_code() != before


def test_rooms_that_only_show_and_other_files_do_not_count(copy: Path) -> None:
    before = hash_code()
    (copy / "visualization" / "panel.py").write_text("")
    (copy / "losses" / "notes.txt").write_text("x")
    (copy / "losses" / "__pycache__").mkdir()
    assert hash_code() == before


def test_what_only_shows_counts_where_its_own_results_are_kept(copy: Path) -> None:
    before, own = hash_code(), hash_code("experiments/predict/")
    assert own != before
    (copy / "experiments" / "predict" / "rows.py").write_text("")
    (copy / "experiments" / "subgroups" / "read.py").write_text("")
    assert hash_code() == before, "no run is another for it"
    assert hash_code("experiments/predict/") != own
    own = hash_code("experiments/predict/")
    (copy / "experiments" / "subgroups" / "read.py").write_text("1")
    assert hash_code("experiments/predict/") == own


def test_code_outside_git_has_no_commit(copy: Path) -> None:
    code = describe_code()
    assert code == {"version": cxr_xai.__version__, "sha256": hash_code()}


def test_code_in_git_has_its_commit_and_its_changes(copy: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@x"]
        subprocess.run(["git", "-C", str(copy.parent), *identity, *arguments], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "x")
    assert describe_code()["changes"] == 0
    (copy / "new.py").touch()
    (copy.parent / "elsewhere").touch()
    assert describe_code()["changes"] == 1
    assert len(describe_code()["commit"]) == 40


def test_without_git_the_rest_is_described(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(certificate.subprocess, "run", absent)
    assert set(describe_code()) == {"version", "sha256"}


def test_versions() -> None:
    versions = describe_versions()
    assert set(versions) == {"python", *LIBRARIES}
    assert all(versions.values())
