"""What the page says of its own numbers: their protocol, what was planned, and who read what how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cxr_xai.artifacts.ledger import count_reads
from cxr_xai.artifacts.plan import METRICS, Plan, counting_plan, is_post_hoc, parse_plan
from cxr_xai.artifacts.protocol import NamedFile, ProtocolCard
from cxr_xai.findings import FINDINGS


@dataclass(frozen=True)
class PlanShown:
    """The analysis plan of a run, as a reader needs it.

    Attributes:
        plan: the one that counts.
        sha256: of its text.
        first_seen: when.
        text: as it was written.
        post_hoc: whether test labels had been read by then.
        others: how many other plans the run has seen.
    """

    plan: Plan
    sha256: str
    first_seen: str
    text: str
    post_hoc: bool
    others: int

    @property
    def exploratory(self) -> frozenset[str]:
        """Metrics and findings whose numbers were not planned, all of them under a plan that is post hoc."""
        names = (*METRICS, *FINDINGS)
        planned = {*self.plan.metrics, *self.plan.findings}
        return frozenset(names) if self.post_hoc else frozenset(names) - planned


def show_plan(certificate: Mapping[str, Any], ledger: pd.DataFrame) -> PlanShown | None:
    """Return the plan that counts; None without one."""
    plans = certificate.get("plans", [])
    if (entry := counting_plan(plans, ledger)) is None:
        return None
    plan, late = parse_plan(entry["text"]), is_post_hoc(entry, ledger)
    return PlanShown(plan, entry["sha256"], entry["first_seen"], entry["text"], late, len(plans) - 1)


def describe_guidance(certificate: Mapping[str, Any]) -> str:
    """Say what guided a run, by which evidence on how many films; empty where nothing did.

    >>> about = {"term": "energy", "needs": "boxes", "source": "BBox_List_2017.csv", "films": 20}
    >>> describe_guidance({"guidance": about})
    'energy: boxes from BBox_List_2017.csv, on 20 training films'
    """
    if not (guidance := certificate.get("guidance")):
        return ""
    films = "found while training" if guidance["films"] is None else f"on {guidance['films']:,} training films"
    return f"{guidance['term']}: {guidance['needs']} from {guidance['source']}, {films}"


def describe_weights(certificate: Mapping[str, Any]) -> str:
    """Say what a run began with, and on what that was trained; empty where the certificate does not say.

    >>> weights = {"file": None, "trained_on": ["imagenet"], "source": "resnet50.a1_in1k", "known_by": None, "seen": []}
    >>> describe_weights({"weights": weights})
    'trained on imagenet (resnet50.a1_in1k)'
    >>> describe_weights({"weights": {**weights, "trained_on": [], "source": None}})
    'random'
    """
    if (weights := certificate.get("weights")) is None:
        return ""
    said = [weights["file"], f"trained on {'; '.join(weights['trained_on'])}" if weights["trained_on"] else "random"]
    said += ["known by its name alone" if weights["known_by"] == "name" else None]
    said += ["films of val among them" if weights["seen"] else None]
    return ", ".join(filter(None, said)) + (f" ({weights['source']})" if weights["source"] else "")


def list_facts(card: ProtocolCard) -> list[tuple[str, str]]:
    """Return the protocol card line by line."""
    about = ", ".join(f"{key} {value}" for key, value in card.about.items())
    drawn = ", ".join(f"{key} {_short(value)}" for key, value in card.split_about.items())
    rule = card.box_rule
    here = "all" if card.complete else f"{card.test_images - card.test_missing:,} of {card.test_images:,} of test"
    return [
        ("Source", card.source + (f" ({about})" if about else "")),
        ("Split", card.split + (f" ({drawn})" if drawn else "")),
        ("Images of the split at hand", f"{here}; {card.missing:,} of {card.images:,} without a film"),
        ("Label file", _file(card.label_file)),
        ("Findings", str(len(card.findings))),
        ("Mean", f"{card.mean}, {card.mean_over} in test"),
        ("Thresholds from", card.threshold_source),
        ("Calibration", card.calibration),
        ("Predicted from", "the plain film" if card.tta == "none" else f"the {card.tta}"),
        ("Box list", _file(card.box_list)),
        (
            "From map to box",
            f"region at {rule['threshold']:g} of the maximum, box around {rule['rule']}, resized {rule['resize']}",
        ),
        ("Uses of boxes", card.uses_of_boxes),
    ]


def list_reads(ledger: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what was read by which reader for what purpose, how often, and when first and last."""
    return [{str(key): value for key, value in row.items()} for row in count_reads(ledger).to_dict("records")]


def count_kinds(ledger: pd.DataFrame) -> dict[str, int]:
    """Return how often each kind of thing was read."""
    return {str(kind): int(times) for kind, times in ledger["what"].value_counts().items()}


def _file(file: NamedFile | None) -> str:
    return "none" if file is None else f"{file.name} ({file.sha256[:8]})"


def _short(value: str | int | float) -> str:
    return value[:8] if isinstance(value, str) and len(value) == 64 else str(value)
