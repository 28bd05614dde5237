"""What guidance changed, whichever way it came out."""

from typing import Any

import pytest

from cxr_xai.report.guidance_table import beside, found_sentence, guidance_table, guided_contrasts
from cxr_xai.report.labels import LABELS


def change(value: float, holm: float, primary: bool = False) -> dict[str, Any]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02, "holm": holm, "primary": primary}


def make_summary(**moved: tuple[float, float]) -> dict[str, Any]:
    """One guided arm, one that is not, and a copy of the reference under another loss."""
    rows = {metric: {"macro": change(*numbers)} for metric, numbers in moved.items()}
    shares = {
        "contrasts": ("auroc", "f1"),
        "boxes": ("iou", "skill", "energy"),
        "shortcuts": ("auroc_without", "reliance"),
    }
    parts = {
        name: {"energy − none": {m: rows[m] for m in metrics if m in rows}, "focal − none": {"auroc": rows["auroc"]}}
        for name, metrics in shares.items()
    }
    arms = ["none", "energy", "focal"]
    return {
        "design": {
            "arms": arms,
            "contrasts": [["energy", "none"], ["focal", "none"]],
            "guidance": dict(zip(arms, ("none", "energy", "none"), strict=True)),
            "uses_of_boxes": dict(zip(arms, ("monitored", "trained on", "monitored"), strict=True)),
            "alpha": 0.05,
        },
        "contrasts": parts["contrasts"],
        "box_contrasts": {"exact_cam": parts["boxes"]},
        "reliance_contrasts": parts["shortcuts"],
    }


HELPED = {"auroc": (0.004, 0.6), "auroc_without": (-0.001, 1.0), "iou": (0.12, 0.001), "skill": (0.3, 0.002)}
HELPED |= {"energy": (0.2, 0.001), "reliance": (-0.08, 0.01), "f1": (0.1, 0.001)}


def test_only_arms_of_other_guidance_stand_in_the_table() -> None:
    assert list(guided_contrasts(make_summary(**HELPED))) == ["energy − none"]
    table = guidance_table(make_summary(**HELPED), ["note"])
    assert table is not None
    heads = [LABELS[key] for key in ("auroc", "auroc_without", "iou", "skill", "energy", "reliance")]
    assert [column.label for column in table.columns] == [
        "Contrast",
        "Boxes of the arm",
        "Boxes of the reference",
        *heads,
    ]
    [row] = table.rows
    assert row[:3] == ["energy − none", "trained on", "monitored"]
    assert row[5] == {"value": 0.12, "low": pytest.approx(0.1), "high": pytest.approx(0.14)}
    assert table.notes[0] == "note"
    assert table.notes[-1].endswith(
        "energy − none: larger IoU, Skill and Energy in box, smaller Reliance on shortcuts."
    )


def test_the_sentence_says_it_whichever_way() -> None:
    assert found_sentence(make_summary(**HELPED)) == (
        "Arm energy (guidance energy) beside none, on the same patients, larger: IoU +.120 (.100–.140), Skill +.300 "
        "(.280–.320) and Energy in box +.200 (.180–.220); smaller: Reliance on shortcuts −.080 (−.100 to −.060); not "
        "told apart: AUROC +.004 (−.016 to .024) and AUROC without shortcuts −.001 (−.021 to .019)."
    )
    harmed = make_summary(auroc=(-0.05, 0.01), iou=(-0.1, 0.01), reliance=(0.1, 0.01))
    assert found_sentence(harmed) == (
        "Arm energy (guidance energy) beside none, on the same patients, larger: Reliance on shortcuts +.100 "
        "(.080–.120); smaller: AUROC −.050 (−.070 to −.030) and IoU −.100 (−.120 to −.080)."
    )
    nothing = make_summary(auroc=(0.0, 1.0))
    assert found_sentence(nothing).endswith("not told apart: AUROC .000 (−.020 to .020).")
    table = guidance_table(nothing, [])
    assert table is not None
    assert table.notes[-1].endswith("energy − none: nothing.")


def test_arms_that_share_their_guidance_in_name_alone_are_told_apart() -> None:
    summary = make_summary(**HELPED)
    summary["design"]["guidance"] |= {
        "none": "energy, annotated_fraction=0.1",
        "energy": "energy, annotated_fraction=1.0",
    }
    assert list(guided_contrasts(summary)) == ["energy − none", "focal − none"]
    assert found_sentence(summary).startswith(
        "Arm energy (guidance energy, annotated_fraction=1.0) beside none (guidance energy, annotated_fraction=0.1), on"
    )


def test_without_guided_arms_there_is_nothing_to_say() -> None:
    summary = make_summary(**HELPED)
    summary["design"]["guidance"]["energy"] = "none"
    assert guidance_table(summary, []) is None
    assert found_sentence(summary) == ""
    del summary["design"]["guidance"], summary["design"]["uses_of_boxes"]  # of a version before
    assert guided_contrasts(summary) == {}
    assert beside(summary["design"]) == ""


def test_uses_of_boxes_are_said_where_they_differ() -> None:
    design = make_summary(**HELPED)["design"]
    assert "none: monitored; energy: trained on; focal: monitored" in beside(design)
    design["uses_of_boxes"] = dict.fromkeys(design["arms"], "monitored")
    assert beside(design) == ""
