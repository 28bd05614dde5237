"""Does the explainer explain this network, and give it back?"""

import time
from functools import partial

from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn

SLOW = 30.0
"""Seconds for a map of one film; 200 watched studies would then take more than an hour and a half each epoch."""


def check(case: Case) -> Answer:
    """Explain one finding of one random film by the chosen explainer, with the network as it would be built."""
    import torch

    from cxr_xai.experiments.explaining import build_explainer
    from cxr_xai.experiments.sweep.estimate import random_background

    shape = (1, 1, case.image_size, case.image_size)
    film = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    explainer = build_explainer(case.settings["explainer"], None, background=partial(random_background, shape))
    model = case.model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    start = time.perf_counter()
    explanation = explainer.explain(model, film, findings=[0])
    seconds = time.perf_counter() - start
    if changed := what_changed(model, before):
        return broken(f"{explainer.name} did not give the network back: {changed}", "choose another explainer.")
    maps = explanation.attribution
    if not torch.isfinite(maps).all():
        return broken(f"{explainer.name}: the map of a random film holds NaN", "choose another explainer.")
    words = f"{explainer.name}: a map of {maps.shape[-2]} × {maps.shape[-1]} in {seconds:.2g} s on the CPU"
    if seconds > SLOW and case.settings["callbacks"].get("explain"):
        return warn(words, "every epoch explains; use callbacks.explain.max_studies=…, or every_n_epochs=….")
    return ok(words + ", network given back")


def what_changed(model: "torch.nn.Module", before: "dict[str, torch.Tensor]") -> str:  # type: ignore[name-defined]  # noqa: F821
    """Say what an explainer left on a network; empty where nothing."""
    import torch

    if model.training:
        return "it trains now"
    if any(value for module in model.modules() for name, value in vars(module).items() if name.endswith("_hooks")):
        return "hooks are left"
    if frozen := next((name for name, p in model.named_parameters() if not p.requires_grad), None):
        return f"{frozen} asks for no gradient any more"
    if any(p.grad is not None for p in model.parameters()):
        return "gradients are left"
    other = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    return f"{other[0]} has other values" if other else ""
