"""The page about several runs, from its numbers alone."""

import re
from pathlib import Path
from typing import Any

import pytest

from cxr_xai.artifacts.aggregate_folder import AggregateFolder
from cxr_xai.errors import UserError
from cxr_xai.findings import BOXED, FINDINGS
from cxr_xai.report.aggregate import write_aggregate_report
from cxr_xai.report.aggregate_tables import slug
from cxr_xai.report.contrast_tables import verdict
from cxr_xai.report.tables import Table, with_own_names


def entry(value: float | None, sd: float | None = 0.01) -> dict[str, Any]:
    ends = {"low": None, "high": None} if value is None else {"low": value - 0.02, "high": value + 0.02}
    return {"value": value, **ends, "sd": sd}


def arm(auroc: float) -> dict[str, Any]:
    metrics = {"auroc": auroc, "auprc": 0.3, "f1": 0.4, "ece": 0.05}
    findings = {
        name: {
            "positives": 90 + k,
            "positive_patients": 90 + k,
            "negatives": 910 - k,
            "prevalence": 0.09,
            "in_macro_f1": name != "Hernia",
        }
        | {metric: entry(value + k / 1000) | {"folds": 5} for metric, value in metrics.items()}
        for k, name in enumerate(FINDINGS)
    }
    findings["Edema"]["auroc"] = entry(None, None) | {"folds": 0}
    return {"findings": findings, "macro": {m: entry(v) | {"over": 13} for m, v in metrics.items()}}


def difference(value: float | None, primary: bool = False, p: float = 0.01) -> dict[str, Any]:
    known = {"value": value, "low": -0.01, "high": 0.05, "p": p, "holm": p if primary else 5 * p}
    return known | {
        "p_bootstrap": p,
        "p_t": 0.2,
        "p_delong": None,
        "p_corrected": 0.3,
        "equivalent": False,
        "primary": primary,
    }


def boxes(iou: float) -> dict[str, Any]:
    scores = {key: entry(iou) for key in ("pointing", "energy", "iou", "skill")}
    scores |= {"prior_iou": entry(0.2), "ceiling_iou": entry(0.7)}
    findings: dict[str, Any] = {name: {"boxes": 32, "pairs": 12, "in_macro": True, **scores} for name in BOXED}
    findings["Mass"] |= {"boxes": 12, "in_macro": False}
    row = [entry(iou)] * 7
    lines = {"run": row, "prior": [entry(0.1)] * 7, "ceiling": [entry(0.9)] * 7}
    each = {**dict.fromkeys(BOXED, entry(iou))}
    agreed = {**entry(iou), "macro": entry(iou), "findings": each, "by_fold": {"0": iou}, "pairs": 96, "least": 0.1}
    found = {
        "curves": {
            "thresholds": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
            "iou": {"macro": lines, "micro": lines, "findings": dict.fromkeys(BOXED, lines)},
        },
        "agreement": {**agreed, "prior": {**agreed, **entry(0.15)}},
    }
    numbers = {"pairs": 96, "maps": 96, "dead": 5, "iou_by_fold": {}}
    return {"findings": findings, "macro": {"over": 7, **scores}, **numbers, **found}


def both(enough: bool = True) -> dict[str, Any]:
    """What is left where both arms predict the finding."""
    over = {"macro": difference(0.05), "micro": difference(0.03), "Mass": difference(0.01)}
    sides = {"macro": {"over": 2, "iou": entry(0.4)}, "micro": {"iou": entry(0.41)}}
    arms = {"<focal>": sides, "bce": sides} if enough else None
    counts = {"boxes": 37 if enough else 13, "pairs": 37, "maps": 60, "of_boxes": 1256, "of_maps": 2000}
    return {**counts, "arms": arms, "differences": {"iou": over} if enough else None}


def make_summary(source: str = "nih") -> dict[str, Any]:
    runs = [
        {"arm": name, "seed": 0, "fold": fold, "folder": f"{name}-f{fold}", "epochs": 3, "best_epoch": 1,
         "stopped_early": False, "flags": ["val far above test"],
         "config_sha256": "e" * 64, "split_sha256": "f" * 64, "summary_sha256": f"{fold}" * 64}
        for name in ("bce", "<focal>") for fold in range(5)
    ]  # fmt: skip
    views = {"AP": 0.71, "PA": 0.82}
    folds = [
        {
            **run,
            "by_view": views,
            "label_only": 0.61,
            "studies": 200,
            "patients": 90,
            "auroc": 0.8,
            "auprc": 0.3,
            "f1": 0.4,
            "ece": 0.1,
        }
        for run in runs
    ]
    over = {"macro": difference(0.0234, primary=True), **{name: difference(0.0111) for name in FINDINGS}}
    over["Edema"] = difference(None)
    return {
        "name": "sweep",
        "protocol": {
            "source": source, "about": {}, "split": "kfold", "label": f"{source}, split kfold, 5 folds",
            "words": ["labels Data_Entry_2017_v2020.csv (bbbbbbbb)", "thresholds from val"],
            "data_sha256": "a" * 64, "code_sha256": "c" * 64,
        },
        "design": {
            "arms": ["bce", "<focal>"], "seeds": [0], "folds": 5, "pool": "all", "folds_sha256": "d" * 64,
            "contrasts": [["<focal>", "bce"]], "primary": {"metric": "auroc", "over": "macro"},
            "declared_by": "the sweep", "remark": "", "metrics": ["auroc", "f1"], "replicates": 2000,
            "margin": 0.01, "margin_of": "auroc", "alpha": 0.05,
        },
        "runs": runs,
        "ignored": ["bce-f1~1"],
        "studies": 1000,
        "patients": 450,
        "arms": {"bce": arm(0.8), "<focal>": arm(0.8234)},
        "folds": folds,
        "contrasts": {"<focal> − bce": {"auroc": over, "f1": {"macro": difference(-0.3, p=0.2)}}},
        "localization": {"exact_cam": {"bce": boxes(0.31), "<focal>": boxes(0.35)}},
        "both_predicted": {"exact_cam": {"<focal> − bce": both()}},
        "box_contrasts": {"exact_cam": {"<focal> − bce": {"iou": {"macro": difference(0.04)}}}},
        "ensemble": {"refused": "no ensemble of the folds is scored: every study was trained on by some fold."},
    }  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def render(summary: dict[str, Any]) -> tuple[str, Path]:
        folder = AggregateFolder(tmp_path)
        folder.write_summary(summary)
        return write_aggregate_report(folder).read_text(), folder.tables

    return render


def test_the_page_loads_nothing_and_escapes_names(write: Any) -> None:
    page, _ = write(make_summary())
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["']https?:""", page)
    assert "<focal>" not in page
    assert "&lt;focal&gt;" in page
    assert page.count("<svg") == 6
    assert ">nan" not in page.lower()
    assert "None" not in page


def test_numbers_stand_under_their_protocol(write: Any) -> None:
    page, tables = write(make_summary())
    assert ".823" in page
    assert "+.023" in page
    for path in tables.glob("*.md"):
        text = path.read_text()
        for words in (
            "nih, split kfold, 5 folds",
            "labels Data_Entry_2017_v2020.csv (bbbbbbbb)",
            "thresholds from val",
        ):
            assert words in text, path.name
        assert "2,000 bootstrap replicates over patients" in text
    assert "averaged over 5 folds" in (tables / "arms.md").read_text()
    assert "Phantom" not in page


def test_the_page_says_the_note_of_all_tables_once(write: Any) -> None:
    summary = make_summary("phantom")
    summary["design"] |= {"uses_of_boxes": {"bce": "monitored", "<focal>": "trained on (3 boxes)"}}
    page, tables = write(summary)
    note = page.partition('id="note"')[2].partition("</p>")[0]
    for words in ("2,000 bootstrap replicates over patients", "Use of boxes by arm: bce: monitored; "):
        assert words in note
        assert page.count(words) == 1
        assert all(words in path.read_text() for path in tables.glob("*.md"))
    assert page.count("they say that the machinery works") == 0, "of the tables"
    assert page.count("The numbers say that the machinery works") == 1, "of the notice"
    assert '<p class="marks"></p>' not in page


def test_phantom_numbers_say_so_in_every_table(write: Any) -> None:
    page, tables = write(make_summary("phantom"))
    assert "Phantom numbers." in page
    assert all("Phantom numbers" in path.read_text() for path in tables.glob("*.md"))
    assert all("Phantom numbers" in path.read_text() for path in tables.glob("*.tex"))


def test_every_run_has_its_flags_and_what_its_auroc_is_read_beside(write: Any) -> None:
    page, tables = write(make_summary())
    folds = (tables / "folds.md").read_text()
    assert "| AUROC, AP | AUROC, PA | AUROC without films |" in folds
    assert folds.count("| .710 | .820 | .610 |") == 10
    assert (tables / "runs.md").read_text().count("| val far above test |") == 10
    assert "a model of age, sex and view alone" in page


def test_the_primary_contrast_is_first_and_alone(write: Any) -> None:
    page, tables = write(make_summary())
    rows = [line for line in (tables / "contrasts.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert "**AUROC**" in rows[0]
    assert "**.010** | **–** |" in rows[0], "its p stands alone"
    assert "**larger**" in rows[0]
    assert "not shown" in rows[1]
    assert "Made from 1 seed; 3 are needed" in page
    assert "declared by the sweep" in page


def test_marks(write: Any) -> None:
    page, tables = write(make_summary())
    assert "| Edema (.94) | 99 | .090 | – | – |" in (tables / "findings_auroc.md").read_text()
    assert "Hernia *" in (tables / "findings_f1.md").read_text()
    assert "Hernia *" not in (tables / "findings_auroc.md").read_text()
    assert "Mass †" in (tables / "localization_exact_cam.md").read_text()
    assert "Dead maps count 0: bce 5 of 96" in page
    assert "Left out, as they were moved aside: bce-f1~1" in page
    assert "No ensemble of the folds is scored" in page


def test_an_ensemble_has_a_card_of_its_own(write: Any) -> None:
    split = "official test, ensemble of 5 folds trained on train_val"
    summary = make_summary() | {
        "ensemble": {"split": split, "studies": 25_596, "patients": 2_797, "arms": {"bce": arm(0.83)}}
    }
    page, tables = write(summary)
    assert f"nih, split {split};" in (tables / "ensemble.md").read_text()
    assert "25,596 studies of 2,797 patients that no fold" in page


def test_one_arm_needs_no_differences(write: Any) -> None:
    summary = make_summary() | {"contrasts": {}, "localization": {}, "box_contrasts": {}, "both_predicted": {}}
    page, tables = write(summary)
    assert not (tables / "contrasts.md").exists()
    assert 'href="#contrasts"' not in page
    assert "No sealed boxes were scored under all arms" in page


def test_another_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no aggregate \(no aggregate\.json\); run scripts/aggregate\.py"):
        write_aggregate_report(AggregateFolder(tmp_path))


def test_the_verdict_is_at_the_level_of_the_plan() -> None:
    row = {"value": 0.1, "holm": 0.03, "equivalent": None}
    assert (verdict(row, 0.05), verdict(row, 0.01)) == ("larger", "not shown")


def test_arms_whose_names_differ_in_signs_alone_have_files_of_their_own() -> None:
    tables = [Table(f"metrics_{slug(arm)}", arm, [], [], []) for arm in ("lr=-1", "lr=1", "LR=1")]
    assert [table.name for table in with_own_names(tables)] == ["metrics_lr_1", "metrics_lr_1_2", "metrics_LR_1_3"]


def test_how_many_boxes_are_found_stands_beside_the_prior(write: Any) -> None:
    page, tables = write(make_summary())
    assert "How many sealed boxes are found: exact_cam" in page
    rows = (tables / "found_exact_cam.csv").read_text().splitlines()
    assert rows[0].startswith("Arm,Over,Agreement,Agreement low,Agreement high,Agreement sd,> .1,> .1 low")
    assert [row.split(",")[0] for row in rows[1:5]] == ["bce", "<focal>", "prior", "ceiling"]  # the priors are alike
    assert rows[3].split(",")[2] == "0.31"  # of the mean over findings
    assert "Pneumothorax" in (tables / "agreement_exact_cam.md").read_text()


def test_what_both_arms_predict_is_secondary_and_counted(write: Any) -> None:
    page, tables = write(make_summary())
    assert "Boxes whose finding both arms predict: exact_cam" in page
    assert "37 of 1,256" in page
    assert "Secondary, never primary" in page
    assert "IoU, all pairs" in (tables / "both_predicted_exact_cam.csv").read_text()


def test_too_few_boxes_that_both_predict_are_undefined(write: Any) -> None:
    page, _ = write(make_summary() | {"both_predicted": {"exact_cam": {"<focal> − bce": both(enough=False)}}})
    assert "13 of 1,256" in page
    assert "undefined" in page


def test_one_arm_has_nothing_that_both_predict(write: Any) -> None:
    page, tables = write(make_summary() | {"both_predicted": {"exact_cam": {}}})
    assert "both arms predict" not in page
    assert not (tables / "both_predicted_exact_cam.csv").exists()
