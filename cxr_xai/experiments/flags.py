"""Flags: results that are more likely a mistake than a finding, each with its numbers and what it may mean."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.data.release.foreign import ONE_A_FILM
from cxr_xai.experiments.summary import widen
from cxr_xai.findings import FINDINGS
from cxr_xai.stats.bootstrap import MetricBootstrap, bootstrap_auroc
from cxr_xai.stats.intervals import percentile_interval

BEST_PUBLISHED = 0.84
"""Mean AUROC over 14 on the official split; the best of the published ones is .834."""
GAP = 0.03
"""AUROC by which val may exceed test before it is worth a word."""
CLOSE = 0.05
"""AUROC by which a network should exceed a model of age, sex and view."""
SELDOM = 0.1
"""A finding predicted less often than this share of its prevalence is as good as never predicted."""

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Flag:
    """One implausible result.

    Attributes:
        name: a few words.
        numbers: what raised it, by name.
        words: a sentence: what it may mean.
    """

    name: str
    numbers: Mapping[str, float]
    words: str


def raise_flags(summary: Summary, predictions: pd.DataFrame, replicates: int) -> list[dict[str, Any]]:
    """Return all flags of a run in plain types.

    Args:
        summary: ``protocol``, ``classification``, ``localization``, ``label_only`` and ``weights`` of the run.
        predictions: the columns of ``predictions.parquet``.
        replicates: of the bootstrap behind the comparison of val and test.
    """
    test = summary["classification"]["test"]
    flags = [
        flag_beyond_published(summary["protocol"], test),
        flag_val_above_test(predictions, replicates),
        flag_label_only(test, summary["label_only"]),
        flag_never_predicted(predictions),
        flag_weights(summary.get("weights")),
        flag_patients(summary["protocol"]),
        *flag_maps(summary["localization"]),
    ]
    return [asdict(flag) for flag in flags if flag is not None]


def flag_beyond_published(protocol: Summary, test: Summary) -> Flag | None:
    """Raise it for a mean AUROC above ``BEST_PUBLISHED`` on the official split of the release."""
    value = test["macro"]["auroc"]["value"]
    if (protocol["source"], protocol["split"]) != ("nih", "official") or not value > BEST_PUBLISHED:
        return None
    return Flag(
        "above everything published",
        {"mean AUROC": value, "best published": 0.834},
        "Nothing published reaches this on the official split: look for test films in training or in the pretrained "
        "weights, a threshold or epoch chosen on test, or another test list.",
    )


def flag_val_above_test(predictions: pd.DataFrame, replicates: int) -> Flag | None:
    """Raise it where the mean AUROC of val exceeds that of test by ``GAP``, beyond its patient-bootstrap interval.

    AUROC compares positives with negatives and does not depend on how many of each there are, so other prevalences in
    test (×1.9 on average in the release) explain none of the gap, whereas AUPRC and F1 move with prevalence and are not
    compared. The kind of positives may differ all the same: milder cases rank worse. Patients of val and test are
    others, hence their replicates are drawn apart. Findings are named where the gap exceeds ``GAP`` and an interval at
    1 − .05 / 14, since 14 are looked at.
    """
    val, test = (_draw(predictions, part, replicates, seed) for seed, part in enumerate(("val", "test")))
    gaps = val.macro_replicates - test.macro_replicates
    low, high, _ = percentile_interval(gaps)
    if not (val.macro - test.macro > GAP and low > 0):
        return None
    lows = percentile_interval(val.replicates - test.replicates, 1 - 0.05 / len(FINDINGS)).low
    each = val.value - test.value
    worst = {name: float(each[k]) for k, name in enumerate(FINDINGS) if each[k] > GAP and lows[k] > 0}
    return Flag(
        "val far above test",
        {"val AUROC": val.macro, "test AUROC": test.macro, "gap from": float(low), "gap to": float(high), **worst},
        "Prevalence does not move AUROC: val may have chosen too much (epoch, settings), share films with training, or "
        "test may hold other patients, views or milder cases.",
    )


def _draw(predictions: pd.DataFrame, part: str, replicates: int, seed: int) -> MetricBootstrap:
    target, probs, who = widen(predictions, part)[:3]
    return bootstrap_auroc(target, probs, who["patient_id"].to_numpy(str), replicates, seed)


def flag_label_only(test: Summary, label_only: Summary | None) -> Flag | None:
    """Raise it where age, sex and view alone come within ``CLOSE`` of the network's AUROC, or above it.

    Means are over the findings in which both have an AUROC; single findings within ``CLOSE`` are named.
    """
    if label_only is None:
        return None
    pairs = {
        name: (row["auroc"]["value"], label_only["findings"][name]["value"]) for name, row in test["findings"].items()
    }
    both = {name: pair for name, pair in pairs.items() if np.isfinite(pair).all()}
    close = {name: alone for name, (image, alone) in both.items() if image - alone < CLOSE}
    image, alone = np.mean(list(both.values()), axis=0) if both else (np.nan, np.nan)
    if not close:
        return None
    words = (
        "Age, sex and view alone come close to the network: what it ranks by may be who is on the film and how it was "
        "taken."
        if image - alone < CLOSE
        else "In these findings the network says little more than age, sex and view do."
    )
    return Flag("a model without films comes close", {"mean AUROC": image, "without films": alone, **close}, words)


def flag_never_predicted(predictions: pd.DataFrame) -> Flag | None:
    """Raise it where half of the findings that occur in test are as good as never predicted there."""
    test = predictions[(predictions["part"] == "test") & predictions["target"].notna()]
    shares = test.groupby("finding")[["target", "pred"]].mean()
    shares = shares[shares["target"] > 0]
    never = shares.index[shares["pred"] < SELDOM * shares["target"]]
    if not len(shares) or 2 * len(never) < len(shares):
        return None
    return Flag(
        "predictions are all but negative",
        {"findings never predicted": len(never), "of": len(shares)},
        "At the thresholds of val almost nothing is predicted: accuracy will look high and means nothing; the network "
        "may be untrained, or val and test may differ.",
    )


def flag_weights(weights: Summary | None) -> Flag | None:
    """Raise it where nobody can say that the weights that training began with have seen neither val nor test.

    Args:
        weights: ``trained_on``, ``known_by`` and ``seen`` as the certificate has them.
    """
    if weights is None:
        return None
    if "unknown" in weights["trained_on"]:
        return Flag(
            "weights of unknown origin",
            {},
            "Nobody knows what the first weights were trained on; if films of test were among them, every number here "
            "is too good.",
        )
    if weights["seen"]:
        return Flag(
            "weights that have seen val",
            {},
            "The first weights were trained on films of val, so thresholds, calibration and the best epoch were chosen "
            "on films that the network knew; test films were not among them.",
        )
    if weights["known_by"] == "name":
        return Flag(
            "weights known by their name alone",
            {},
            f"The file is called as weights trained on {', '.join(weights['trained_on'])} are; its content was not "
            "compared with theirs.",
        )
    return None


def flag_patients(protocol: Summary) -> Flag | None:
    """Raise it where every film is taken as a patient of its own because nobody knows whose it is.

    Args:
        protocol: of the run; ``about`` says how patients were told apart.
    """
    if not str(protocol.get("about", {}).get("patients", "")).startswith(ONE_A_FILM):
        return None
    return Flag(
        "patients unknown",
        {},
        f"{protocol['source']} does not say whose a film is, so each counts as a patient of its own: films of one "
        "patient may lie in training and in test, numbers may be too good, and intervals are too narrow where a "
        "patient has several.",
    )


def flag_maps(localization: Summary) -> Iterator[Flag]:
    """Raise them for sealed maps that lie worse than the prior, or that are mostly dead."""
    for explainer, halves in localization.items():
        if (sealed := halves.get("sealed")) is None:
            continue
        macro, micro = sealed["macro"], sealed["micro"]
        skill, iou, prior = macro["skill"], macro["iou"]["value"], macro["prior_iou"]["value"]
        if macro["over"] and (skill["high"] < 0 or iou < prior):
            yield Flag(
                f"maps below the prior ({explainer})",
                {"IoU": iou, "prior IoU": prior, "skill": skill["value"], "from": skill["low"], "to": skill["high"]},
                "The finding's usual place, drawn without looking at the film, lies better in the boxes"
                + (": the network may rely on something else." if skill["high"] < 0 else ", if not beyond doubt."),
            )
        if 2 * micro["dead"] > micro["pairs"]:
            yield Flag(
                f"more dead maps than live ones ({explainer})",
                {"dead": micro["dead"], "of": micro["pairs"]},
                "Most maps have no positive evidence: scores say that the network found nothing to show, not where it "
                "looked.",
            )
