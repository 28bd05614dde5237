"""What Shapley values cost, against shap itself on the same films, findings and samples."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.explainers.contract import Explainer
from cxr_xai.explainers.shap_deep import ShapDeep
from cxr_xai.explainers.shap_gradient import ShapGradient
from cxr_xai.explainers.shap_kernel import ShapKernel, masked_logits
from cxr_xai.explainers.shap_partition import ShapPartition
from cxr_xai.explainers.superpixels import Superpixels
from cxr_xai.models.classifier import build_classifier
from cxr_xai.types import Background

FINDINGS = ((0,), (0, 2, 4))
FILMS, SIDE, AT_ONCE = 2, 64, 16
FILMS_BEHIND, MOMENTS, CELLS, SAMPLES = 8, 2, 16, 128

Explain = Callable[[Sequence[int]], object]


class Chosen(nn.Module):
    """A network with fewer findings, for a library that explains all that it is given."""

    def __init__(self, model: nn.Module, findings: Sequence[int]) -> None:
        super().__init__()
        self.model, self.findings = model, list(findings)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of the findings."""
        logits: Tensor = self.model(image)[:, self.findings]
        return logits


def build_plain() -> nn.Module:
    """Build a network that shap's Deep explainer can follow: nothing in place, no sums, no windows that overlap."""
    layers: list[nn.Module] = []
    for channels_in, channels in ((1, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(channels_in, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 14)).eval()


def measure_shap(repeats: int) -> list[Figure]:
    """Measure the four methods: two films, one finding and three, eight films behind.

    The network is resnet10t at 64 px, where its own work is smallest and what surrounds it shows most; Deep SHAP has a
    plain one, because shap fails on the other.
    """
    image, films = torch.rand(FILMS, 1, SIDE, SIDE), torch.rand(FILMS_BEHIND, 1, SIDE, SIDE)
    model, plain = build_classifier("resnet10t").eval().requires_grad_(False), build_plain().requires_grad_(False)
    theirs = shap_methods(model, plain, image, films)
    figures = []
    for name, explainer in our_methods(films).items():
        network = plain if name == "Deep SHAP" else model
        where = "a plain network" if name == "Deep SHAP" else "resnet10t"
        for findings in FINDINGS:
            contenders: dict[str, Callable[[], object]] = {
                "ours": partial(explainer.explain, network, image, findings),
                "shap": partial(theirs[name], findings),
            }
            times = time_in_turns(contenders, repeats)
            number = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
            what = f"{name}, {number} of {FILMS} films, {where} at {SIDE} px, vs shap"
            ratio = times["ours"] / times["shap"]
            figures.append(Figure(what, times["ours"], times["shap"], ratio, "time ratio", "≤ 1"))
    return figures


def our_methods(films: Tensor) -> dict[str, Explainer]:
    """Return explainers with the settings of the measurement."""

    def draw(count: int) -> Background:
        return Background(films[:count], sha256="")

    cells = Superpixels("grid", CELLS)
    return {
        "gradient SHAP": ShapGradient(draw, FILMS_BEHIND, MOMENTS, batch_size=AT_ONCE),
        "Deep SHAP": ShapDeep(draw, FILMS_BEHIND, batch_size=AT_ONCE),
        "Kernel SHAP": ShapKernel(draw, FILMS_BEHIND, cells, samples=SAMPLES, batch_size=AT_ONCE),
        "partition SHAP": ShapPartition(draw, FILMS_BEHIND, max_evals=SAMPLES, batch_size=AT_ONCE),
    }


def shap_methods(model: nn.Module, plain: nn.Module, image: Tensor, films: Tensor) -> dict[str, Explain]:
    """Return shap's methods with the same settings."""
    import shap

    mean, labels = films.mean(dim=0), Superpixels("grid", CELLS)(image[:1])[0]
    masker = shap.maskers.Image(mean[0].numpy()[..., None])

    def take_gradients(findings: Sequence[int]) -> None:
        method = shap.GradientExplainer(Chosen(model, findings), films, batch_size=AT_ONCE)
        method.shap_values(image, nsamples=FILMS_BEHIND * MOMENTS, rseed=0)

    def go_deep(findings: Sequence[int]) -> None:
        shap.DeepExplainer(Chosen(plain, findings), films).shap_values(image, check_additivity=False)

    @torch.no_grad()
    def fit(findings: Sequence[int]) -> None:
        for film in image:
            ask = partial(_ask, Chosen(model, findings), film, labels, mean[None])
            method = shap.KernelExplainer(ask, np.zeros((1, CELLS)), silent=True)
            method.shap_values(np.ones((1, CELLS)), nsamples=SAMPLES, l1_reg=False, silent=True)

    @torch.no_grad()
    def halve(findings: Sequence[int]) -> None:
        method = shap.PartitionExplainer(partial(_see, Chosen(model, findings)), masker)
        method(image.permute(0, 2, 3, 1).numpy(), max_evals=SAMPLES, batch_size=AT_ONCE, silent=True)

    return {"gradient SHAP": take_gradients, "Deep SHAP": go_deep, "Kernel SHAP": fit, "partition SHAP": halve}


def _ask(
    model: nn.Module, film: Tensor, labels: Tensor, filling: Tensor, left: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    answer: npt.NDArray[np.float32] = masked_logits(
        model, film, labels, torch.from_numpy(left > 0.5), filling, AT_ONCE
    ).numpy()
    return answer


def _see(model: nn.Module, films: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    answer: npt.NDArray[np.float32] = model(torch.from_numpy(np.float32(films)).permute(0, 3, 1, 2)).numpy()
    return answer
