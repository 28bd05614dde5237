"""The door to timm: names, weights, and what the trunk expects of its input."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from cxr_xai.artifacts.checkpoint import AVERAGE
from cxr_xai.errors import UserError
from cxr_xai.models import backbones
from cxr_xai.models.backbones import build_backbone

SMALL = "resnet10t"


@pytest.mark.parametrize(("in_chans", "stride"), [(1, 32), (3, 16)])
def test_a_trunk_gives_its_feature_map(in_chans: int, stride: int) -> None:
    backbone = build_backbone(SMALL, "none", in_chans, {"output_stride": stride})
    features = backbone.trunk.eval()(torch.zeros(2, in_chans, 64, 64))
    assert features.shape == (2, backbone.channels_out, 64 // stride, 64 // stride)
    assert backbone.channels_in == in_chans


def test_normalization_is_the_backbones_own() -> None:
    imagenet = build_backbone(SMALL, "none", 3, {})
    assert imagenet.mean == (0.485, 0.456, 0.406)
    assert imagenet.std == (0.229, 0.224, 0.225)
    inception = build_backbone(
        "mobilenetv2_035", "none", 3, {"pretrained_cfg_overlay": {"mean": (0.5,) * 3, "std": (0.4,) * 3}}
    )
    assert inception.mean == (0.5, 0.5, 0.5)
    assert inception.std == (0.4, 0.4, 0.4)


def test_one_channel_takes_the_average_of_the_colors() -> None:
    backbone = build_backbone(SMALL, "none", 1, {})
    assert backbone.mean == pytest.approx(((0.485 + 0.456 + 0.406) / 3,))
    assert backbone.std == pytest.approx(((0.229 + 0.224 + 0.225) / 3,))


def test_an_unknown_name_suggests_others() -> None:
    with pytest.raises(UserError, match=r"model\.backbone=resnet1O1 is not a timm model; perhaps .*\bresnet101\b"):
        build_backbone("resnet1O1", "none", 3, {})


def test_a_name_like_no_other_says_where_the_names_are() -> None:
    with pytest.raises(UserError, match=r"perhaps another: timm\.list_models\(\) has all"):
        build_backbone("zzzzzzzzzzzz", "none", 3, {})


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file as one fetches it: of the whole network, with ImageNet's classifier."""
    torch.manual_seed(7)
    torch.save(timm.create_model(SMALL).state_dict(), tmp_path / "published.pth")
    return tmp_path / "published.pth"


@pytest.mark.parametrize("kind", ["trunk", "published", "safetensors", "wrapped", "checkpoint", "around"])
def test_weights_from_a_file(published: Path, tmp_path: Path, kind: str) -> None:
    state = torch.load(published, weights_only=True)
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pth")
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "checkpoint":  # of this program: the classifier, its loss, and what else it holds
        own = {f"model.trunk.{k}": v for k, v in state.items() if not k.startswith("fc.")}
        own |= {"model.head.weight": torch.ones(14, 512), "loss.pos_weight": torch.ones(14)}
        torch.save({"state_dict": own, "epoch": 3, "run": {"code": "0"}, "progress": {"random": [(1, 2)]}}, path)
    elif kind == "around":
        torch.save({f"module.net.{k}": v for k, v in state.items()}, path)
    elif kind == "wrapped":
        torch.save({"state_dict": state}, path)
    else:
        torch.save({k: v for k, v in state.items() if kind == "published" or not k.startswith("fc.")}, path)
    trunk = build_backbone(SMALL, str(path), 3, {}).trunk
    assert trunk.state_dict().keys() == state.keys() - {"fc.weight", "fc.bias"}
    assert all(torch.equal(value, state[key]) for key, value in trunk.state_dict().items())


def test_a_run_that_averages_hands_on_its_average(published: Path, tmp_path: Path) -> None:
    state = {f"model.trunk.{k}": v for k, v in torch.load(published, weights_only=True).items() if k[:3] != "fc."}
    average = {key: value + 1 for key, value in state.items()}
    for held in ({AVERAGE: average}, {AVERAGE: {}}, {}):  # ``last.ckpt``; one of no steps; of a run that does not
        torch.save({"state_dict": state, **held}, tmp_path / "last.ckpt")
        trunk = build_backbone(SMALL, str(tmp_path / "last.ckpt"), 3, {}).trunk
        wanted = held.get(AVERAGE) or state
        assert all(torch.equal(value, wanted[f"model.trunk.{key}"]) for key, value in trunk.state_dict().items())


def test_names_of_2017(tmp_path: Path) -> None:
    """The published DenseNets have dots in the names of their layers."""
    torch.manual_seed(7)
    state = timm.create_model("densenet121").state_dict()
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): value for key, value in state.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save({f"module.densenet121.{key}": value for key, value in old.items()}, tmp_path / "old.pth")
    trunk = build_backbone("densenet121", str(tmp_path / "old.pth"), 3, {}).trunk
    assert all(torch.equal(value, state[key]) for key, value in trunk.state_dict().items())


def make_missing(path: Path) -> None:
    path.unlink()


def make_text(path: Path) -> None:
    path.write_text("not weights")


def make_other(path: Path) -> None:
    torch.save(timm.create_model("mobilenetv2_035").state_dict(), path)


def make_gray(path: Path) -> None:
    torch.save(timm.create_model(SMALL, in_chans=1).state_dict(), path)


def make_pickle(path: Path) -> None:
    torch.save(timm.create_model("mobilenetv2_035"), path)  # a whole module: loading it would run code


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (make_missing, r"model\.weights=.*published\.pth: no such file; use imagenet, none, or the path"),
        (make_text, r"model\.weights=.*published\.pth does not fit this backbone"),
        (make_other, r"does not fit this backbone: .*Missing key.*conv1"),
        (make_gray, r"does not fit this backbone: .*size mismatch for conv1"),
        (make_pickle, r"does not fit this backbone: .*weights_only=True blocked"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_the_reason(published: Path, spoil: Any, says: str) -> None:
    spoil(published)
    with pytest.raises(UserError, match=says):
        build_backbone(SMALL, str(published), 3, {})


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(backbones, "getproxies", dict)
    monkeypatch.setattr(backbones, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(timm, "create_model", refuse)


@pytest.mark.usefixtures("offline")
def test_imagenet_offline_fails_at_once_and_says_what_else_to_use() -> None:
    with pytest.raises(
        UserError, match=r"not in the local cache and huggingface.*model\.weights=none, or model\.weights=<file>"
    ):
        build_backbone("resnet50", "imagenet", 3, {})


@pytest.mark.usefixtures("offline")
def test_cached_weights_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "try_to_load_from_cache", lambda *_: "model.safetensors")
    backbones.require_downloadable("resnet50")


@pytest.mark.usefixtures("offline")
def test_behind_a_proxy_the_direct_way_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "getproxies", lambda: {"https": "http://proxy"})
    backbones.require_downloadable("resnet50")


def test_a_network_without_published_weights_is_named() -> None:
    name = next(name for name in timm.list_models() if timm.get_pretrained_cfg(name) is None or not _has_source(name))
    with pytest.raises(UserError, match=f"timm has no ImageNet weights for {name}; use model.weights=none"):
        backbones.require_downloadable(name)


def _has_source(name: str) -> bool:
    source = timm.get_pretrained_cfg(name)
    return bool(source.hf_hub_id or source.url)
