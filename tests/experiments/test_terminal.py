"""Tables on a terminal of 80 columns."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cxr_xai.experiments import terminal
from cxr_xai.experiments.terminal import ProgressBar, interval, print_data, print_results, quiet_libraries
from cxr_xai.findings import BOXED, FINDINGS

WIDE = {"value": 1.0, "low": 1.0, "high": 1.0}
CLEAR = {"value": 0.31, "low": 0.25, "high": 0.37}
BELOW = {"value": -0.25, "low": -0.5, "high": -0.125}
SCORES = ("pointing", "energy", "iou", "prior_iou", "ceiling_iou")


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    with Path("/dev/null").open("w") as nowhere:
        narrow = Console(width=80, record=True, file=nowhere, force_terminal=True)
        monkeypatch.setattr(terminal, "console", narrow)
        yield narrow


def summarize(dead: int = 0, few: bool = False, source: str = "nih") -> dict[str, Any]:
    """Numbers as wide as they come: every AUROC 1, every skill below 0 with its whole interval."""
    row = {
        "threshold_rule": "prevalence_matched" if few else "val_f1",
        "positives": 12345,
        "positive_patients": 50 if few else 100,
    }
    row |= {"auroc": WIDE, "auprc": 1.0, "prevalence": 1.0, "f1": 1.0}
    macro = {"auroc": {**WIDE, "over": 14}, "auprc": {"value": 1.0}, "f1": {"value": 1.0}}
    macro |= {"ece": {"value": 0.1234}, "ece_calibrated": {"value": 0.0123}}
    found = dict.fromkeys(SCORES, CLEAR) | {"boxes": 123, "pairs": 123, "dead": dead, "in_macro": not few}
    sealed = {
        "findings": {name: {**found, "skill": BELOW} for name in BOXED},
        "macro": {**found, "skill": BELOW, "over": 8},
        "micro": {"dead": dead},
        "live": dict.fromkeys(SCORES, CLEAR),
        "agreement": {**CLEAR, "pairs": 984, "least": 0.1, "prior": CLEAR},
        "controls": {"grid": "7x7", "best": None if few else "two lungs", "macro": {"two lungs": {"iou": CLEAR}}},
    }
    part = {"studies": 25596, "patients": 2797, "findings": dict.fromkeys(FINDINGS, row), "macro": macro}
    return {
        "protocol": {"source": source, "label": f"{source}, split official"},
        "classification": {"test": part},
        "localization": {"exact_cam": {"sealed": sealed}, "unsealed": {}},
        "flags": [{"name": "val far above test"}, {"name": "maps below the prior"}],
        "explain_share": 0.0421,
    }


def test_the_title_names_the_part_that_was_evaluated(console: Console) -> None:
    print_results({**summarize(), "evaluation": {"part": "val"}}, Path("outputs/report.html"))
    text = console.export_text()
    assert "Classification, val: 25,596 studies" in text
    assert "Classification, test" not in text


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("dead", [0, 123])
def test_results_fit_80_columns(console: Console, dead: int, few: bool) -> None:
    print_results(summarize(dead, few), Path("outputs/report.html"))
    text = console.export_text()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert "Pleural Thickening" in text
    assert text.count("1.000 (1.000–1.000)") == 14 + 1
    assert text.count("−.25 (") == 8 + 1
    assert "Explaining took 4.2% of the epochs' time." in text
    assert ("live maps" in text) == (dead > 0)
    assert ("fewer than 20 boxes" in text) == ("fewer than 50 positives" in text) == few
    assert ("° few positive patients: 95 % intervals held .94–.94 in simulation" in text) == few
    words = " ".join(text.split())
    assert "agreement .31 (.25–.37), prior .31: IoU ≥ .1 and the peak inside, of 984 pairs" in words
    best = "best image-free control: two lungs, IoU .31 (.25–.37), prior .31"
    assert (best in words) == (not few), "without 20 boxes of a finding there is no mean"
    assert "mean ECE .123 → .012 by calibration on val" in text
    assert "flags: val far above test; maps below the prior." in text
    assert "phantom" not in text
    assert text.splitlines()[-1] == "report: outputs/report.html"


@pytest.mark.parametrize(
    ("patients", "words"),
    [
        ({"Hernia": 9}, "patients: fewer than 10 are too few to have been simulated"),
        (
            {"Hernia": 9, "Edema": 50, "Mass": 10},
            "–.94 in simulation; fewer than 10 are too few to have been simulated",
        ),
    ],
)
def test_fewer_patients_than_were_simulated_have_no_share(
    console: Console, patients: dict[str, int], words: str
) -> None:
    numbers = summarize()
    findings = numbers["classification"]["test"]["findings"]
    few = {name: {**findings[name], "positive_patients": count} for name, count in patients.items()}
    numbers["classification"]["test"]["findings"] = {**findings, **few}
    print_results(numbers, Path("report.html"))
    text = console.export_text()
    assert words in " ".join(text.split())
    assert "?" not in text


def test_phantom_numbers_say_so_and_a_long_path_is_whole(console: Console) -> None:
    path = Path("outputs") / ("x" * 100) / "report.html"
    print_results({**summarize(source="phantom"), "localization": {}, "explain_share": None}, path)
    text = console.export_text()
    assert "they say nothing about patients" in " ".join(text.split())
    assert f"report: {path}\n" in text
    assert "Explaining took" not in text


def test_what_was_found_and_divided(console: Console) -> None:
    parts = {"train": 75708, "val": 10816, "test": 25596}
    print_data(
        {
            "data": {"source": "nih", "counts": {"rows in the label file": 112120, "boxes read": 984}},
            "split": {"scheme": "official", "sha256": "0123456789", "images": parts, "patients": parts},
            "boxes": {"monitored_studies": 400, "sealed_studies": 480},
        }
    )
    text = " ".join(console.export_text().split())
    assert "nih: 112,120 rows in the label file, 984 boxes read" in text
    assert "split=official (01234567): train 75,708 images of 75,708 patients, val" in text
    assert "boxes: 400 studies watched every epoch, 480 sealed until the end" in text


def test_unknown_patients_are_told_before_training(console: Console) -> None:
    parts = {"train": 2, "val": 1, "test": 1}
    data = {"source": "vindr", "counts": {}, "about": {"patients": "one a film, for none are published"}}
    print_data({"data": data, "split": {"scheme": "patient", "sha256": "0" * 10, "images": parts, "patients": parts}})
    assert "patients are unknown: films of one may lie in two parts." in " ".join(console.export_text().split())


def test_intervals() -> None:
    assert interval({"value": 0.8164, "low": 0.75, "high": 0.85}, 2) == ".82 (.75–.85)"
    assert interval({"value": None, "low": None, "high": None}) == "–"
    assert interval({"value": float("nan"), "low": 0.1, "high": 0.2}) == "–"


def test_a_bar_leaves_with_the_last_call(console: Console) -> None:
    bar = ProgressBar("films")
    for done in range(4):
        bar(done, 3)
    assert bar._bar is None
    bar(3, 3)
    assert bar._bar is None


def test_only_the_named_warnings_are_silenced() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet_libraries()
        warnings.warn("Checkpoint directory x exists and is not empty.", stacklevel=1)
        with pytest.raises(UserWarning, match="overflow"):
            warnings.warn("overflow", stacklevel=1)
