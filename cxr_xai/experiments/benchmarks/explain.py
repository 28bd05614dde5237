"""What maps cost."""

import copy
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.callbacks.consumers.score import summarize_scores
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.readers.phantom import PhantomReader
from cxr_xai.experiments.benchmarks.explain_faithfulness import measure_faithfulness
from cxr_xai.experiments.benchmarks.explain_perturbation import measure_perturbation
from cxr_xai.experiments.benchmarks.explain_shap import measure_shap
from cxr_xai.experiments.benchmarks.timing import Figure, state_turns, time_in_turns
from cxr_xai.experiments.benchmarks.train import train_step
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.explainers.grad_cam import GradCam
from cxr_xai.explainers.grad_cam_pp import GradCamPP
from cxr_xai.explainers.hires_cam import HiResCam
from cxr_xai.explainers.layer_cam import LayerCam
from cxr_xai.findings import FINDINGS
from cxr_xai.losses.bce import BCE
from cxr_xai.models.classifier import build_classifier

STUDIES = 5_000
BUDGET = 200
"""``max_studies`` of the explain callback."""


def measure_explain(repeats: int) -> list[Figure]:
    """Measure exact maps, the library's, perturbations and Shapley values against what they can be compared with.

    Every line says of how many turns its medians are; with ``repeats=20`` those of exact maps and library are of 20.
    """
    names, turns, few = ("resnet50", "densenet121"), max(repeats, 5), max(repeats // 5, 3)
    figures = state_turns([measure_exact_cam(name, turns) for name in names], turns)
    for name in names:
        figures += state_turns(measure_library(name, repeats), repeats)
        figures += state_turns(measure_adapters(name, turns), turns)
    figures += state_turns(measure_perturbation(few), few)
    figures += state_turns(measure_shap(few), few)
    figures += state_turns(measure_faithfulness(few), few)
    return [*figures, *state_turns([measure_share(few)], few)]


def measure_exact_cam(name: str, repeats: int) -> Figure:
    """Compare all 14 maps of 16 films of 224 px with a plain forward pass."""
    model = build_classifier(name).eval()
    image = torch.rand(16, 1, 224, 224)
    with torch.no_grad():
        times = time_in_turns(
            {"maps": lambda: ExactCam().explain(model, image), "forward": lambda: model(image)}, repeats
        )
    what = f"14 exact maps of 16 films, {name} at 224 px, vs a forward pass"
    return Figure(what, times["maps"], times["forward"], times["maps"] / times["forward"], "time ratio", "≤ 1.10")


def measure_library(name: str, repeats: int) -> list[Figure]:
    """Compare 14 maps of 16 films of 224 px with pytorch-grad-cam, called once a finding: the real 14 calls each turn.

    The library runs on a copy, since it leaves gradients behind.
    """
    model = build_classifier(name).eval()
    image = torch.rand(16, 1, 224, 224)
    twin: Any = copy.deepcopy(model)
    with GradCam().library(twin, [twin.stages()[-1]]) as cam:
        times = time_in_turns(
            {
                "exact": lambda: ExactCam().explain(model, image),
                "ours": lambda: GradCam().explain(model, image),
                "library": lambda: [cam(image, [_target(k)] * len(image)) for k in range(len(FINDINGS))],
            },
            repeats,
        )
    what = f"of 16 films, {name} at 224 px, vs pytorch-grad-cam once a finding"
    exact, ours, library = times["exact"], times["ours"], times["library"]
    return [
        Figure(f"14 exact maps {what}", exact, library, library / exact, "× as fast", "≥ 30"),
        Figure(f"14 maps of grad_cam {what}", ours, library, ours / library, "time ratio", "≤ 1.1"),
    ]


def measure_adapters(name: str, repeats: int) -> list[Figure]:
    """Compare one call for one finding, of 4 films of 224 px, with one call of pytorch-grad-cam's class."""
    model = build_classifier(name).eval()
    image = torch.rand(4, 1, 224, 224)
    twin: Any = copy.deepcopy(model)
    figures = []
    for member in (GradCam(), GradCamPP(), HiResCam(), LayerCam()):
        with member.library(twin, [twin.stages()[-1]]) as cam:
            contenders: dict[str, Callable[[], object]] = {
                "ours": partial(member.explain, model, image, [0]),
                "library": partial(cam, image, [_target(0)] * len(image)),
            }
            times = time_in_turns(contenders, repeats)
        what = f"1 map of {member.name} of {len(image)} films, {name} at 224 px, vs one call of pytorch-grad-cam"
        ours, library = times["ours"], times["library"]
        figures.append(Figure(what, ours, library, ours / library, "time ratio", "≤ 1.1"))
    return figures


def _target(finding: int) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda logits: logits[finding]


def measure_share(repeats: int) -> Figure:
    """Return the probe's share of an epoch of 5,000 studies: resnet50, 224 px, 200 probe studies.

    The costs per study of a training step, of validation (an eighth of the studies) and of the probe with all its
    scores are measured and put together; a full epoch takes the better part of an hour on two cores.
    """
    model, loss, batch = build_classifier("resnet50"), BCE(), 16
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    image, target = torch.rand(batch, 1, 224, 224), torch.zeros(batch, 14)
    with tempfile.TemporaryDirectory() as folder:
        reader = PhantomReader(train_val_patients=20, test_patients=60, film_size=224)
        data = ChestXrayDataModule(Path(folder) / "phantom", reader, image_size=224, cache_dir=folder, batch_size=batch)
        probe = BoxProbe(data, ExactCam(), "monitored", max_studies=32)
        times = time_in_turns(
            {
                "train": partial(train_step, model, loss, optimizer, image, target),
                "val": partial(_validate, model, image),
                "probe": lambda: summarize_scores(probe.explain(model, torch.device("cpu"), 0).scores),
            },
            repeats,
        )
        studies = len(probe.rows)
    epoch = STUDIES * (times["train"] + times["val"] / 8) / batch
    explaining = BUDGET * times["probe"] / studies
    share = explaining / (epoch + explaining)
    what = f"probe of {BUDGET} studies, resnet50 at 224 px, vs an epoch of {STUDIES:,} studies"
    return Figure(what, explaining, epoch, share, "share of the epoch", "≤ 0.05")


def _validate(model: nn.Module, image: torch.Tensor) -> None:
    model.eval()
    with torch.no_grad():
        model(image)
