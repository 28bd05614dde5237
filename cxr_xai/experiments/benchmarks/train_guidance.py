"""What it costs to say where evidence should lie."""

import json
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cxr_xai.data.anatomy.phantom import PhantomAnatomy
from cxr_xai.data.evidence.body import BodyEvidence
from cxr_xai.data.evidence.boxes import BoxEvidence
from cxr_xai.data.evidence.regions import RegionEvidence
from cxr_xai.data.index import BOX_COLUMNS, Index
from cxr_xai.data.phantom.read import SPEC_FILE
from cxr_xai.data.phantom.spec import PhantomSpec
from cxr_xai.data.transforms.photometric import to_unit
from cxr_xai.data.transforms.standard import StandardTransform
from cxr_xai.experiments.benchmarks.timing import Figure, state_turns, time_in_turns
from cxr_xai.findings import BOXED, FINDINGS
from cxr_xai.guidance.body import Body
from cxr_xai.guidance.energy import Energy
from cxr_xai.guidance.regions import Regions
from cxr_xai.losses.bce import BCE
from cxr_xai.models.classifier import build_classifier
from cxr_xai.training.guide import Guide
from cxr_xai.training.module import ChestXrayModule
from cxr_xai.types import Batch

FILMS, SIZE = 16, 224
TURNS = 5
"""At most: a step takes seconds on a processor."""


def measure_guidance(repeats: int) -> list[Figure]:
    """Compare steps on batches of 16 films of 224 px, every one with a box, with the step without guidance."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    figures = []
    for backbone in ("resnet50", "densenet121"):
        figures += measure_backbone(backbone, min(repeats, TURNS) if device.type == "cpu" else repeats, device)
    return figures


def measure_backbone(backbone: str, turns: int, device: torch.device) -> list[Figure]:
    """Time the steps of one network in turns."""
    transform, index = StandardTransform(), box_all(FILMS)
    films = torch.randint(0, 256, (FILMS, 1, SIZE, SIZE), dtype=torch.uint8)
    target = torch.from_numpy(index.targets)
    batch = transform(Batch(torch.arange(FILMS, device=device), films.to(device), target.to(device)), 0)
    boxes = BoxEvidence(index, np.arange(FILMS), transform.matrices)
    regions = RegionEvidence(index, read_anatomy(), lambda rows: to_unit(films[rows]), transform.matrices)
    guides = {
        "none": None,
        "energy": Guide(Energy(), boxes),
        "regions": Guide(Regions(), regions),
        "body": Guide(Body(), BodyEvidence(transform.matrices)),
    }
    module = ChestXrayModule(build_classifier(backbone), BCE(), partial(torch.optim.Adam, lr=1e-4)).to(device)
    optimizer = torch.optim.Adam(module.model.parameters(), lr=1e-4)
    steps = {name: partial(take_step, module, guide, optimizer, batch) for name, guide in guides.items()}
    times = time_in_turns(steps, turns)
    what = "a training step of {}, batch {}, guidance={}, vs guidance=none, on this {}"
    return state_turns(
        [
            Figure(
                what.format(backbone, FILMS, name, device.type),
                times[name],
                times["none"],
                times[name] / times["none"],
                "time ratio",
                "≤ 1.10",
            )
            for name in ("energy", "regions", "body")
        ],
        turns,
    )


def box_all(count: int) -> Index:
    """Return the tables of so many studies, called as a phantom's films are, each with one finding and its box."""
    names, findings = [f"{n + 1:08d}_000.png" for n in range(count)], [BOXED[n % len(BOXED)] for n in range(count)]
    studies = pd.DataFrame({"image_id": names, "patient_id": names})
    for name in FINDINGS:
        studies[name] = [float(name == finding) for finding in findings]
    rows = [(name, name, finding, 0.2, 0.3, 0.6, 0.7) for name, finding in zip(names, findings, strict=True)]
    return Index("benchmark", studies, pd.DataFrame(rows, columns=list(BOX_COLUMNS)), {}, {})


def read_anatomy() -> PhantomAnatomy:
    """Return the regions of a phantom's films; they are drawn in the round that is not counted, as once in a run."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, SPEC_FILE).write_text(json.dumps({"spec": asdict(PhantomSpec())}))
        return PhantomAnatomy(folder)


def take_step(module: ChestXrayModule, guide: Guide | None, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    """One step with or without a guide; on a GPU until it is done."""
    module.train().guide = guide
    optimizer.zero_grad()
    torch.autograd.backward(module.training_step(batch, 0))
    optimizer.step()
    if batch.image.device.type == "cuda":
        torch.cuda.synchronize()
