"""Can the first weights be had, and do they fit?"""

from pathlib import Path

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn
from cxr_xai.files import hash_file


def check(case: Case) -> Answer:
    """Look for ImageNet's weights in the cache or on their server; load a file, and say what it is known to be."""
    from cxr_xai.models.backbones import require_downloadable
    from cxr_xai.models.known_weights import find_known

    weights, backbone = str(case.settings["model"]["weights"]), case.settings["model"]["backbone"]
    parameters = f"{sum(p.numel() for p in case.model.parameters()) / 1e6:.1f} M"
    if weights == "none":
        return ok(f"{backbone}, {parameters} weights, drawn at random")
    if weights == "imagenet":
        try:
            require_downloadable(backbone)
        except UserError as error:
            return broken(f"ImageNet's weights of {backbone} are neither here nor to be had", str(error))
        return ok(f"{backbone}, {parameters} weights; ImageNet's are at hand")
    try:
        build(case.settings["model"], "model")
    except UserError as error:
        return broken(str(error)[:160], "name a file with the weights of this very trunk, or use imagenet or none.")
    known = find_known(Path(weights), hash_file(Path(weights)))
    if known is None:
        todo = "if they have seen test films, no number of this run counts; find out what they were trained on."
        return warn(f"{weights} fits {backbone}; nobody knows what it was trained on", todo)
    return ok(f"{weights} fits {backbone}: {known.name}, trained on {'; '.join(known.trained_on)}")
