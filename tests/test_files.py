"""Files are whole or absent."""

import hashlib
import json
from pathlib import Path

import pytest

from cxr_xai.files import hash_file, read_json, remove_partials, whole, write_json


def test_a_body_that_succeeds_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    for text in ("first", "second"):
        with whole(path) as partial:
            partial.write_text(text)
            assert partial.parent == path.parent
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_a_body_that_raises_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail() -> None:
        with whole(path) as partial:
            partial.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_round_trip(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None, True, "ä"], "b": {"c": {}}, "d": 1e-300}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value


def test_nan_becomes_null_at_any_depth_and_keys_become_text(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": float("nan"), "b": [1.0, (float("nan"),)], 3: {"c": float("nan")}})
    text = (tmp_path / "x.json").read_text()
    assert "NaN" not in text
    assert json.loads(text) == {"a": None, "b": [1.0, [None]], "3": {"c": None}}


def test_infinity_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("inf")})
    assert read_json(tmp_path / "x.json") == {"a": 1}


def test_what_a_kill_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [tmp_path / name for name in (".salt", "a.csv", ".hidden.json", ".a.0123", "deep/.b.csv.zzzzzzzz")]
    left = [tmp_path / name for name in (".a.csv.0123abcd", "deep/.last.ckpt.partial")]
    (tmp_path / "deep").mkdir()
    for path in kept + left:
        path.write_text("x")
    remove_partials(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    assert hash_file(path) == hashlib.sha256(b"weights").hexdigest()
