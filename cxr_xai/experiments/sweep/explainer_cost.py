"""What a leaderboard will take: one film by every explainer, times the maps that it can need."""

import math
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from cxr_xai.data.splits.box_halves import half_rows
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.experiments.explaining import build_explainer
from cxr_xai.experiments.sweep.estimate import finish, random_background
from cxr_xai.experiments.sweep.plan import Planned
from cxr_xai.experiments.sweep.steps import Studies
from cxr_xai.findings import FINDINGS

Settings = Mapping[str, Any]


def measure_explainers(settings: Settings, explainers: Mapping[str, Settings]) -> dict[str, float]:
    """Return the seconds that each explainer takes for one finding of one random film, on this device.

    Every explainer has one call, the slow ones are measured no longer than that; one that refuses (a library that is
    not installed) has NaN.
    """
    device = torch.device("cpu" if settings["trainer"].get("accelerator") == "cpu" or not torch.cuda.is_available()
                          else "cuda")  # fmt: skip
    model = build({**settings["model"], "weights": "none"}, "model").to(device).eval()
    size = int(settings["datamodule"]["image_size"])
    film = torch.rand((1, 1, size, size), generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad():
        model(film)  # warms up
    seconds = {}
    for label, chosen in explainers.items():
        start = time.perf_counter()
        try:
            explainer = build_explainer(chosen, None, background=partial(random_background, film.shape))
            start = time.perf_counter()
            explainer.explain(model, film, findings=[0])
        except UserError:
            seconds[label] = math.nan
            continue
        finish(device)
        seconds[label] = time.perf_counter() - start
    return seconds


def count_maps(planned: Planned, studies: Studies, max_studies: int | None) -> int:
    """Return how many maps of lesions or boxes an explainer is judged by at most: where the network finds all.

    Args:
        planned: a cell.
        studies: that it reads.
        max_studies: of each finding; None for all.
    """
    index, split = studies.look(planned.settings)
    if index.name == "phantom":
        rows = [row for row in split.rows("test") if index.present[row]]
        each = np.nansum(index.targets[rows] == 1, axis=0)
    else:
        boxed = index.studies["image_id"].isin(index.boxes["image_id"]).to_numpy() & index.present
        names = index.studies["image_id"].iloc[half_rows("monitored", index.studies, boxed, split)]
        pairs = index.boxes[index.boxes["image_id"].isin(names)].drop_duplicates(["image_id", "finding"])
        each = np.array([(pairs["finding"] == finding).sum() for finding in FINDINGS])
    return int(np.minimum(each, max_studies if max_studies is not None else np.inf).sum())


def name_slowest(seconds: Mapping[str, float], most: int = 4) -> str:
    """Name the explainers that take longest.

    >>> name_slowest({"cam": 0.01, "lime": 8.2, "none": float("nan")})
    'lime 8.2 s, cam 0.01 s; none refuses'
    """
    known = sorted((label for label in seconds if not math.isnan(seconds[label])), key=lambda label: -seconds[label])
    refused = [label for label in seconds if math.isnan(seconds[label])]
    words = ", ".join(f"{label} {seconds[label]:.2g} s" for label in known[:most])
    return words + (f"; {', '.join(refused)} refuse{'s' if len(refused) == 1 else ''}" if refused else "")
