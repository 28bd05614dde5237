"""The local W&B record, read back: everything that should be there, nothing that should not."""

import getpass
import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest

wandb = pytest.importorskip("wandb")

from wandb.proto import wandb_internal_pb2  # noqa: E402

from cxr_xai.loggers.wandb import Wandb, choose_mode, pseudonym  # noqa: E402
from cxr_xai.types import Panel  # noqa: E402


def read_records(path: Path) -> list[wandb_internal_pb2.Record]:
    """Read a ``.wandb`` log: LevelDB blocks of 32 KiB, records in one or several chunks, after a 7-byte header."""
    data, at, buffer, records = path.read_bytes(), 7, b"", []
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        buffer += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            records.append(wandb_internal_pb2.Record.FromString(buffer))
            buffer = b""
    return records


@pytest.fixture(scope="module")
def panel() -> Panel:
    film = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    heatmap = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    box = np.array([[8, 8, 32, 40]], np.float32)
    return Panel("epoch", 0, "00012345_006.png", "Effusion", 1.0, 0.75, film, heatmap, box, box[0] + 4)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, panel: Panel) -> Path:
    """The folder of an offline run that logged an epoch and closed."""
    tmp_path = tmp_path_factory.mktemp("record")
    logger = Wandb(tmp_path, "cell", "group", "a salt", run_id="abc12345")
    logger.log_hyperparams({"seed": 1, "datamodule": {"image_size": 64}})
    logger.log_metrics({"val/loss": 0.5, "probe/iou/Effusion": 0.25, "epoch": 0}, step=3)
    logger.log_panels([panel], [np.zeros((278, 514, 3), np.uint8)], step=3)
    logger.close()
    [folder] = (tmp_path / "wandb").glob("offline-run-*")
    return folder


def test_scalars_are_in_the_record(record: Path) -> None:
    [log] = record.glob("*.wandb")
    history = [r for r in read_records(log) if r.HasField("history")]
    values = {"/".join(item.nested_key) or item.key: item.value_json for r in history for item in r.history.item}
    assert json.loads(values["val/loss"]) == 0.5
    assert json.loads(values["probe/iou/Effusion"]) == 0.25


def test_films_boxes_masks_and_panels_are_files(record: Path) -> None:
    media = record / "files" / "media"
    assert list(media.rglob("images/panels/*.png"))
    assert list(media.rglob("images/boxes/*.png"))
    lists = [json.loads(path.read_text())["box_data"] for path in media.rglob("*.boxes2D.json")]
    found = {entry["box_caption"]: entry["position"] for boxes in lists for entry in boxes}
    assert found["Effusion"] == {"minX": 8.0, "maxX": 32.0, "minY": 8.0, "maxY": 40.0}
    assert found["Effusion map"]["minX"] == 12.0
    assert list(media.rglob("*.mask.png"))


def test_nothing_that_identifies_leaves(record: Path) -> None:
    synced = [*record.glob("*.wandb"), *(path for path in (record / "files").rglob("*") if path.is_file())]
    content = b"\n".join(path.read_bytes() for path in synced)  # the folder logs/ stays on the machine
    secrets = ["00012345", str(record.parent), "a salt", socket.gethostname(), getpass.getuser()]
    for secret in secrets:
        if len(secret) > 5:  # shorter names turn up in compressed pictures by chance
            assert secret.encode() not in content, secret
    [log] = record.glob("*.wandb")
    [run] = [r.run for r in read_records(log) if r.HasField("run")]
    assert run.host == "withheld"
    assert run.resume, "a continued run's record is joined to the one before when they are synced"
    assert not [r for r in read_records(log) if r.HasField("environment")], "no program, user, git or machine"
    assert pseudonym("a salt", "00012345_006.png").encode() in content


def test_pseudonyms_are_stable_and_salted() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", pseudonym("s", "x"))
    assert pseudonym("s", "x") == pseudonym("s", "x") != pseudonym("t", "x")


def test_auto_stays_offline_without_a_key_or_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    assert choose_mode("auto") == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert choose_mode("auto", timeout=0.2) == "offline"
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert choose_mode("auto") == "online"
