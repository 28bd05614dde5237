"""Checkpoints: whole, marked, and refused with the reason."""

import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from cxr_xai.artifacts.checkpoint import UnusableCheckpoint, WholeCheckpoints, read_checkpoint

IDENTITY = {"configuration": "c" * 64, "code": "d" * 64}
WEIGHTS = {"a": torch.arange(3.0), "b": torch.ones(2, 2)}


def write(path: Path, content: Any = None, **options: Any) -> Path:
    content = {"state_dict": WEIGHTS, "epoch": 3} if content is None else content
    WholeCheckpoints(IDENTITY).save_checkpoint(content, path, **options)
    return path


def test_round_trip(tmp_path: Path) -> None:
    path = write(tmp_path / "deep" / "last.ckpt")
    checkpoint = read_checkpoint(path, IDENTITY, WEIGHTS)
    assert checkpoint["epoch"] == 3
    assert torch.equal(checkpoint["state_dict"]["a"], WEIGHTS["a"])
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    for epoch in range(3):
        write(last, {"state_dict": WEIGHTS, "epoch": epoch}, storage_options=previous)
    assert [read_checkpoint(path, IDENTITY)["epoch"] for path in (previous, last)] == [1, 2]


def test_the_last_is_never_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last, previous = write(tmp_path / "last.ckpt"), tmp_path / "previous.ckpt"
    replace, there = Path.replace, []

    def look(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        there.append(last.is_file())
        return moved

    monkeypatch.setattr(Path, "replace", look)
    previous.hardlink_to(last)  # a kill came between the two names
    write(last, storage_options=previous)
    assert there == [True, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_without_links_the_one_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    test_the_one_before_is_kept(tmp_path)


def test_a_write_that_fails_leaves_both_as_they_were(tmp_path: Path) -> None:
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    for epoch in range(2):
        write(last, {"state_dict": WEIGHTS, "epoch": epoch}, storage_options=previous)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError), match="pickle"):
        write(last, {"state_dict": WEIGHTS, "epoch": lambda: 2}, storage_options=previous)
    assert [read_checkpoint(path, IDENTITY)["epoch"] for path in (previous, last)] == [0, 1]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_torn_file_is_refused(tmp_path: Path, share: float) -> None:
    path = write(tmp_path / "last.ckpt")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UnusableCheckpoint, match=r"^last\.ckpt is torn, or no checkpoint$"):
        read_checkpoint(path, IDENTITY)


def test_zeros_where_weights_were_are_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "last.ckpt", {"state_dict": {"a": torch.rand(1000)}})
    content = bytearray(path.read_bytes())
    at = content.find(torch.load(path, weights_only=True)["state_dict"]["a"].numpy().tobytes())
    content[at : at + 512] = bytes(512)
    path.write_bytes(content)
    with pytest.raises(UnusableCheckpoint, match=r"last\.ckpt is torn"):
        read_checkpoint(path, IDENTITY)


def test_a_flipped_bit_anywhere_in_an_entry_of_the_directory_is_refused_or_harmless(tmp_path: Path) -> None:
    path = write(tmp_path / "last.ckpt")
    content = path.read_bytes()
    entry = content.rindex(b"PK\1\2", 0, content.rindex(b"data/0"))
    for at in range(8 * entry, 8 * content.index(b"PK", entry + 2)):
        flipped = bytearray(content)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(flipped)
        with suppress(UnusableCheckpoint):
            weights = read_checkpoint(path, IDENTITY)["state_dict"]
            assert all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)


@pytest.mark.parametrize("what", ["configuration", "code"])
def test_one_of_another_run_is_refused(tmp_path: Path, what: str) -> None:
    path = write(tmp_path / "last.ckpt")
    with pytest.raises(UnusableCheckpoint, match=rf"^last\.ckpt was written with other {what}$"):
        read_checkpoint(path, {**IDENTITY, what: "0" * 64})


def test_one_without_a_mark_is_of_another_run(tmp_path: Path) -> None:
    for mark in ({}, {"run": None}):
        torch.save({"state_dict": WEIGHTS, **mark}, tmp_path / "last.ckpt")
        with pytest.raises(UnusableCheckpoint, match="other configuration"):
            read_checkpoint(tmp_path / "last.ckpt", IDENTITY)


@pytest.mark.parametrize(
    "weights", [{"a": torch.zeros(4), "b": torch.ones(2, 2)}, {"a": torch.zeros(3)}, {**WEIGHTS, "c": torch.zeros(1)}]
)
def test_one_of_another_model_is_refused(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    with pytest.raises(UnusableCheckpoint, match=r"last\.ckpt holds another model \([abc] differs\)"):
        read_checkpoint(write(tmp_path / "last.ckpt"), IDENTITY, weights)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("epoch,key,value\n")
    torch.save([1, 2], tmp_path / "list.ckpt")
    torch.save({"state_dict": {}, "made": Path("x")}, tmp_path / "types.ckpt")
    for name, reason in {
        "text": "text.ckpt is torn, or no checkpoint",
        "list": "list.ckpt is no checkpoint",
        "types": "types.ckpt is torn, or no checkpoint",
        "nothing": "nothing.ckpt is missing",
    }.items():
        with pytest.raises(UnusableCheckpoint, match=reason):
            read_checkpoint(tmp_path / f"{name}.ckpt", IDENTITY)
