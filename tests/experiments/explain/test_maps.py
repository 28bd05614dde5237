"""Stored maps are used again only while nothing has changed that they depend on."""

from pathlib import Path

import numpy as np
import pytest

from cxr_xai.experiments.explain import maps
from cxr_xai.experiments.explain.maps import Maps, make_key, read_maps, write_maps

MAPS = Maps(("Mass", "Edema"), np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.array([0.5, np.nan], np.float32))


def test_there_and_back(tmp_path: Path) -> None:
    write_maps(tmp_path / "deep" / "a.npz", MAPS, "key")
    found = read_maps(tmp_path / "deep" / "a.npz", "key")
    assert found is not None
    assert found.findings == MAPS.findings
    np.testing.assert_array_equal(found.attribution, MAPS.attribution)
    np.testing.assert_array_equal(found.residual, MAPS.residual)


def test_another_key_a_torn_and_an_absent_file_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    assert read_maps(path, "key") is None
    write_maps(path, MAPS, "key")
    assert read_maps(path, "other") is None
    path.write_bytes(path.read_bytes()[:-60])
    assert read_maps(path, "key") is None
    path.write_bytes(b"")
    assert read_maps(path, "key") is None


@pytest.mark.parametrize(
    "other",
    [
        ("w2", {"a": 1}, "f", ["Mass"]),
        ("w", {"a": 2}, "f", ["Mass"]),
        ("w", {"a": 1}, "g", ["Mass"]),
        ("w", {"a": 1}, "f", ["Edema"]),
    ],
)
def test_the_key_depends_on_everything(other: tuple) -> None:
    assert make_key("w", {"a": 1}, "f", ["Mass"]) != make_key(*other)


def test_the_key_depends_on_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = make_key("w", {"a": 1}, "f", ["Mass"])
    monkeypatch.setattr(maps, "hash_code", lambda *_: "another")
    assert make_key("w", {"a": 1}, "f", ["Mass"]) != before
