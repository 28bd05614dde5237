"""Are the patients of every use of boxes others, and was the epoch chosen from the front that the run noted?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cxr_xai.artifacts.pareto import find_front, read_pareto
from cxr_xai.callbacks.selection import AUROC, DIGITS, SCORE, combine
from cxr_xai.data.splits.file import read_split
from cxr_xai.data.splits.split import SELECTION
from cxr_xai.experiments.box_uses import TRAINED, count_shared, describe_uses, rows_by_use
from cxr_xai.experiments.check import selects_by_boxes
from cxr_xai.experiments.guiding import build_term
from cxr_xai.experiments.verification.checks import Check, Difference, compare, judge
from cxr_xai.experiments.verification.evidence import Evidence, require_known_targets

GUIDED = "train/guided_pairs"

ROUNDED = 1.01 * 10**-DIGITS
"""What is logged in single precision may round to the ten-thousandth beside."""


def check_uses(evidence: Evidence) -> Iterator[Check]:
    """Check the uses of boxes, and the choice of the epoch where there is a selection fold."""
    words = "no patient is in two of: trained on, selection, watched, sealed; none of the first two is in a number"
    yield judge("uses of boxes", [*_scored(evidence), *_shared(evidence), *compare_training(evidence)], words)
    if SELECTION in evidence.certificate["split"]["images"] and evidence.settings["callbacks"].get("selection"):
        yield judge("choice of the epoch", _choice(evidence), "pareto.csv is what metrics.csv says; its choice is used")


def _scored(evidence: Evidence) -> list[Difference]:
    """Return the patients with a number who are in ``train`` or ``selection`` by ``split.csv``."""
    _, table = read_split(evidence.folder.split)
    aside = table[table["part"].isin(["train", SELECTION])].drop_duplicates("patient_id")
    parts = dict(zip(aside["patient_id"], aside["part"], strict=True))
    scored = pd.concat([evidence.predictions["patient_id"], evidence.localization["patient_id"]]).astype(str).unique()
    return [Difference(f"patient {who}", "in a number", f"in {parts[who]}") for who in scored if who in parts]


def _shared(evidence: Evidence) -> list[Difference]:
    differences = compare(evidence.certificate["boxes"]["overlap"], 0, place="boxes.overlap")
    if evidence.data is None:
        return differences
    rows = rows_by_use(evidence.data, evidence.settings)
    uses = describe_uses(evidence.data, evidence.settings, rows)
    differences += compare(evidence.certificate["boxes"]["uses"], uses, place="boxes.uses")
    return differences + compare(0, count_shared(evidence.data, rows), place="patients in two uses")


def compare_training(evidence: Evidence) -> list[Difference]:
    """Return what guided by ``metrics.csv`` and ``config.yaml`` and is not in the certificate."""
    metrics = evidence.folder.read_metrics()
    guided = metrics.loc[metrics["key"] == GUIDED, "value"].gt(0).any()
    settings, uses = evidence.settings.get("guidance"), evidence.certificate["boxes"]["uses"]
    if not guided:
        return []
    if not settings or not evidence.certificate.get("guidance"):
        return [Difference("guidance", None, "guided pairs in metrics.csv")]
    require_known_targets(evidence.settings)
    differences = compare(evidence.certificate["guidance"]["needs"], needs := build_term(settings).needs, place="needs")
    if needs == "boxes" and TRAINED not in uses:
        differences.append(Difference("boxes.uses", uses, "boxes were trained on"))
    return differences


def _choice(evidence: Evidence) -> list[Difference]:
    """Compare every row with the metrics, and front and choice with the rows."""
    table, metrics = read_pareto(evidence.folder.pareto), evidence.folder.read_metrics()
    settings = evidence.settings["callbacks"]["selection"]
    logged = metrics.drop_duplicates(["epoch", "key"], keep="last").pivot(index="epoch", columns="key", values="value")
    if table.empty or SCORE not in logged or (epochs := logged[SCORE].dropna().index.tolist()) != [*table["epoch"]]:
        return [Difference("epochs of pareto.csv", len(table), "those of metrics.csv")]
    found = logged.loc[epochs]
    keys = {"auroc": AUROC, "localization": f"{SELECTION}/{settings['localization']}/macro", "score": SCORE}
    differences = []
    for column, key in keys.items():
        differences += compare(table[column].tolist(), found[key].tolist(), ROUNDED, f"{column} of pareto.csv")
    again = [combine(a, b, settings["weight"]) for a, b in zip(table["auroc"], table["localization"], strict=True)]
    differences += compare(table["score"].tolist(), again, place="score of pareto.csv")
    front = find_front(table["auroc"], table["localization"])
    differences += compare(table["on_front"].tolist(), front.tolist(), place="on_front of pareto.csv")
    chosen = table["chosen"].to_numpy(bool)
    differences += compare(table.loc[chosen, "epoch"].tolist(), [evidence.summary["best_epoch"]], place="chosen")
    if selects_by_boxes(evidence.settings) and np.isfinite(table["score"]).any() and not front[chosen].all():
        differences.append(Difference("chosen", "not on the front", "on it"))
    return differences
