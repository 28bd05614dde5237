"""What many passes over perturbed films cost, against captum called once per finding on the same films."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns
from cxr_xai.explainers.baselines import fill_films
from cxr_xai.explainers.contract import Explainer
from cxr_xai.explainers.integrated_gradients import IntegratedGradients
from cxr_xai.explainers.lime import Lime
from cxr_xai.explainers.occlusion import Occlusion
from cxr_xai.explainers.superpixels import Superpixels
from cxr_xai.models.classifier import build_classifier

FINDINGS = ((0,), (0, 2, 4))
FILMS, SIDE, AT_ONCE = 2, 64, 16
STEPS, SAMPLES, CELLS = 8, 64, 16

Explain = Callable[[Sequence[int]], object]


def measure_perturbation(repeats: int) -> list[Figure]:
    """Measure integrated gradients, occlusion and LIME against captum: two films, one finding and three.

    Both sides have the same films, fills, findings, numbers of steps, windows and samples, and as many films in a pass;
    both report completeness. Captum is called once per finding, its way to explain several. The network is resnet10t at
    64 px, where its own work is smallest and what surrounds it shows most.
    """
    model = build_classifier("resnet10t").eval().requires_grad_(False)
    image = torch.rand(FILMS, 1, SIDE, SIDE)
    theirs = captum_methods(model, image)
    figures = []
    for name, explainer in our_methods().items():
        for findings in FINDINGS:
            times = time_in_turns(
                {"ours": partial(explainer.explain, model, image, findings), "captum": partial(theirs[name], findings)},
                repeats,
            )
            number = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
            what = f"{name}, {number} of {FILMS} films, resnet10t at {SIDE} px, vs captum"
            ratio = times["ours"] / times["captum"]
            figures.append(Figure(what, times["ours"], times["captum"], ratio, "time ratio", "≤ 1"))
    return figures


def our_methods() -> dict[str, Explainer]:
    """Return explainers with the settings of the measurement."""
    return {
        "integrated gradients": IntegratedGradients(steps=STEPS, baseline="mean", batch_size=AT_ONCE),
        "occlusion": Occlusion(fill="mean", batch_size=AT_ONCE),
        "LIME": Lime(count=CELLS, samples=SAMPLES, fill="mean", batch_size=AT_ONCE),
    }


def captum_methods(model: nn.Module, image: Tensor) -> dict[str, Explain]:
    """Return captum's methods with the same settings."""
    import captum.attr
    from captum._utils.models.linear_model import SkLearnRidge

    mean = fill_films(image, "mean")
    segments = Superpixels("grid", CELLS)(image[:1])[:, None]
    gradients, occlusion = captum.attr.IntegratedGradients(model), captum.attr.Occlusion(model)
    lime = captum.attr.Lime(model, SkLearnRidge(alpha=1.0))

    def integrate(findings: Sequence[int]) -> None:
        for k in findings:
            gradients.attribute(
                image, mean, k, n_steps=STEPS, internal_batch_size=AT_ONCE, return_convergence_delta=True
            )

    @torch.no_grad()
    def occlude(findings: Sequence[int]) -> None:
        for k in findings:
            occlusion.attribute(image, (1, 16, 16), (1, 8, 8), mean, target=k, perturbations_per_eval=AT_ONCE // FILMS)

    @torch.no_grad()
    def fit(findings: Sequence[int]) -> None:
        for k in findings:
            for film, fill in zip(
                torch.split(image, 1), torch.split(mean, 1), strict=True
            ):  # it perturbs one film at a time
                lime.attribute(film, fill, k, feature_mask=segments, n_samples=SAMPLES, perturbations_per_eval=AT_ONCE)

    return {"integrated gradients": integrate, "occlusion": occlude, "LIME": fit}
