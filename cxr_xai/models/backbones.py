"""The only door to timm: a convolutional trunk by name, with its weights and its own mean and std."""

import difflib
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import getproxies

import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache
from torch import Tensor, nn

from cxr_xai.errors import UserError

AVERAGE = "ema"
"""Where a checkpoint of this program has the averaged weights, which are the ones that its run is judged by."""


@dataclass(frozen=True)
class Backbone:
    """A trunk: ``(N, channels_in, H, W)`` → ``(N, channels_out, h, w)``, and what it expects of its input."""

    trunk: nn.Module
    channels_in: int
    channels_out: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def build_backbone(name: str, weights: str, in_chans: int, options: Mapping[str, Any]) -> Backbone:
    """Build a timm model without its pooling and classifier.

    Args:
        name: any timm model with convolutional features.
        weights: ``imagenet``, ``none``, or a file with a state dict of this trunk.
        in_chans: 3 repeats the gray film for color weights; 1 is enough for a network trained from scratch.
        options: further arguments of the timm model.

    Raises:
        UserError: the name is unknown, the weights cannot be had, or the file does not fit.
    """
    if not timm.is_model(name):
        close = ", ".join(difflib.get_close_matches(name, timm.list_models(), n=5))
        raise UserError(
            f"model.backbone={name} is not a timm model; perhaps {close or 'another: timm.list_models() has all'}."
        )
    if weights == "imagenet":
        require_downloadable(name)
    trunk: Any = timm.create_model(
        name, pretrained=weights == "imagenet", in_chans=in_chans, num_classes=0, global_pool="", **options
    )
    if weights not in ("imagenet", "none"):
        load_file(trunk, Path(weights))
    require_feature_map(trunk, name, in_chans)
    data: dict[str, Any] = trunk.pretrained_cfg
    repeat = in_chans if in_chans != len(data["mean"]) else None
    mean, std = (_one_channel(data[key]) * repeat if repeat else tuple(data[key]) for key in ("mean", "std"))
    return Backbone(trunk, in_chans, trunk.num_features, mean, std)


def require_feature_map(trunk: Any, name: str, in_chans: int) -> None:
    """Refuse trunks that do not end in a ``(N, num_features, h, w)`` map: transformers, extra layers at the end."""
    was_training = trunk.training
    try:
        with torch.no_grad():
            shape = trunk.eval()(torch.zeros(1, in_chans, 64, 64)).shape
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UserError(f"model.backbone={name} does not take 64 × 64 films: {str(error).splitlines()[0]}") from error
    finally:
        trunk.train(was_training)
    if len(shape) != 4 or shape[1] != trunk.num_features:
        raise UserError(
            f"model.backbone={name} ends in {tuple(shape)} and not in a map of {trunk.num_features} channels, which "
            "exact class activation maps need; use a convolutional network such as resnet50 or densenet121."
        )


def find_stages(trunk: Any) -> list[nn.Module]:
    """Return timm's feature modules of a trunk, first to last, and the trunk itself in place of the last of them."""
    info = list(getattr(trunk, "feature_info", ()))
    return [*(trunk.get_submodule(stage["module"]) for stage in info[:-1]), trunk]


def _one_channel(values: tuple[float, ...]) -> tuple[float, ...]:
    return (sum(values) / len(values),)


def load_file(trunk: nn.Module, path: Path) -> None:
    """Load a state dict, ``.safetensors`` or ``torch.save`` (tensors only: nothing in the file is executed).

    The weights may stand under a longer name, as in a checkpoint of this program (``model.trunk.``) or of a network
    around the trunk. Published files hold ImageNet's classifier too; it is left out, since this trunk has none. Of a
    checkpoint of this program that holds averaged weights beside the raw ones, they are the averaged.
    """
    if not path.is_file():
        raise UserError(f"model.weights={path}: no such file; use imagenet, none, or the path of a state dict.")
    try:
        trunk.load_state_dict(select_trunk(read_state(path), trunk))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"model.weights={path} does not fit this backbone: {reason}") from error


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict; of a checkpoint to go on from, the averaged weights where a run averages."""
    if path.suffix == ".ckpt" and (average := torch.load(path, map_location="cpu", weights_only=True).get(AVERAGE)):
        return dict(average)
    state: dict[str, Tensor] = timm.models.load_state_dict(str(path), use_ema=False, weights_only=True)
    return state


def select_trunk(state: Mapping[str, Tensor], trunk: nn.Module) -> dict[str, Tensor]:
    """Return the entries of a file that belong to a trunk, under the trunk's names.

    Args:
        state: all of the file.
        trunk: whose first weight says under which name it stands.
    """
    # torch of 2017 allowed dots in names of modules, and published DenseNets still have them.
    state = {re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2.", key): value for key, value in state.items()}
    first = next(iter(trunk.state_dict()))
    around = [key.removesuffix(first) for key in state if key == first or key.endswith(f".{first}")]
    prefix = min(around, key=len, default="")
    inside = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    classifier = classifier_keys(trunk)
    return {key: value for key, value in inside.items() if not key.startswith(classifier)}


def classifier_keys(trunk: nn.Module) -> tuple[str, ...]:
    """Return what the names of the classifier's weights begin with in a published file of this network."""
    published: Any = trunk.pretrained_cfg
    names = published.get("classifier") or ()
    return tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))


def name_pretrained(name: str) -> str:
    """Return where timm has the ImageNet weights of a network from.

    >>> name_pretrained("resnet50")
    'timm/resnet50.a1_in1k'
    """
    source = timm.get_pretrained_cfg(name)
    return "" if source is None else str(source.hf_hub_id or source.url)


def require_downloadable(name: str, timeout: float = 2.0) -> None:
    """Fail within seconds, and not after a minute of retries, where the weights are neither cached nor in reach."""
    source = timm.get_pretrained_cfg(name)
    if source is None or not (source.hf_hub_id or source.url):
        raise UserError(f"model.weights=imagenet: timm has no ImageNet weights for {name}; use model.weights=none.")
    if source.hf_hub_id and isinstance(try_to_load_from_cache(source.hf_hub_id, "model.safetensors"), str):
        return
    if getproxies():  # a direct connection proves nothing behind a proxy
        return
    host = urlparse(constants.ENDPOINT).hostname or ""
    try:
        socket.create_connection((host, 443), timeout).close()
    except OSError as error:
        raise UserError(
            f"model.weights=imagenet: the weights of {name} are not in the local cache and {host} cannot be reached; "
            "use model.weights=none, or model.weights=<file> with a state dict fetched elsewhere."
        ) from error
