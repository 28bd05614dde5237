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
