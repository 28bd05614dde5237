import math
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.explainers.shap_deep import TOLERANCE
from cxr_xai.files import read_json, write_json
from cxr_xai.findings import BOXED, FINDINGS
from cxr_xai.report.format import EXACT
from cxr_xai.report.write import write_report

MakeRun = Callable[..., RunFolder]


def read(folder: RunFolder) -> str:
    return write_report(folder).read_text()


def section(page: str, name: str) -> str:
    return page.partition(f'<section id="{name}"')[2].partition("</section>")[0]


def test_the_page_is_one_file_beside_what_was_there(make_run: MakeRun) -> None:
    folder = make_run()
    before = set(folder.path.rglob("*"))
    assert write_report(folder) == folder.report
    assert set(folder.path.rglob("*")) - before == {folder.report, folder.ledger}


def test_the_page_loads_nothing(make_run: MakeRun) -> None:
    page = read(make_run())
    addresses = re.findall(r"""(?:src|href|srcset|data|action)\s*=\s*["']([^"']*)""", page)
    assert addresses
    assert all(address.startswith(("#", "data:image/webp;base64,")) for address in addresses)
    assert "<link" not in page
    assert "@import" not in page
    assert "url(" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert "default-src 'none'" in page


def test_every_finding_has_its_numbers(make_run: MakeRun) -> None:
    page = read(make_run())
    table = section(page, "classification")
    for k, finding in enumerate(FINDINGS[:-1]):
        row = table.partition(f'<th scope="row">{finding.replace("_", " ")}')[2].partition("</tr>")[0]
        for value in (0.701, 0.101, 0.201, 0.301, 0.401, 0.801, 0.811):
            assert f"{value + 0.011 * k:.3f}".removeprefix("0") in row, (finding, value)
        assert f"{0.671 + 0.011 * k:.3f}–".removeprefix("0") in row
    boxes = section(page, "localization")
    for k, finding in enumerate(BOXED):
        row = boxes.partition(f'<th scope="row">{finding}')[2].partition("</tr>")[0]
        for value in (0.211, 0.16, 0.512):
            assert f"{value + 0.021 * k:.3f}".removeprefix("0") in row, (finding, value)


def test_the_best_image_free_control_is_named_beside_the_prior(make_run: MakeRun) -> None:
    folder = make_run()
    sealed = section(read(folder), "localization").partition("<details><summary>exact_cam: monitored")[0]
    for control in ("random", "center", "two lungs"):
        row = sealed.partition(f"Control: {control} §")[2].partition("</tr>")[0]
        assert (".143" if control == "center" else ".123") in row
        assert row.count("<td") == 11, "as many cells as the table has columns"
    words = " ".join(re.sub("<[^>]*>", "", sealed).split())
    assert "The best image-free control is “center”: mean IoU .143" in words
    assert "beside the prior's .310" in words
    assert "maps of 7 × 7 cells that see no film" in words
    summary = read_json(folder.summary)
    for explainer in summary["localization"].values():
        del explainer["sealed"]["controls"]
        explainer["monitored"].pop("controls", None)
    write_json(folder.summary, summary)
    assert "image-free control" not in read(folder), "a run that was not scored for them has none"


def test_undefined_is_a_dash_and_marks_are_explained(make_run: MakeRun) -> None:
    page = read(make_run())
    hernia = section(page, "classification").partition('<th scope="row">Hernia *')[2].partition("</tr>")[0]
    assert '<td class="edge">–</td><td>–</td>' in " ".join(hernia.split()).replace("> ", ">").replace(" <", "<")
    assert "matched to the prevalence" in section(page, "classification")
    classification = section(page, "classification")
    assert ">.94</sup></th>\n<td>60</td>" in classification, "90 positive patients"
    assert "Hernia *</th>" in classification, "103 of them"
    assert "fewer than 100 patients have the finding" in classification
    localization = section(page, "localization")
    assert "Nodule †" in localization
    assert "fewer than 20 boxes" in localization
    assert "–, Δ +.043" in localization
    assert ">nan" not in page.lower()
    assert "None" not in page


def test_headline_says_what_numbers_are_read_beside(make_run: MakeRun) -> None:
    headline = section(read(make_run()), "headline")
    for words in (
        ".767",
        ".737–.797",
        "mean over 13 of 14",
        "PA .782, AP .742",
        ".172",
        "mean over 7 findings",
        "prior .310",
    ):
        assert words in headline
    assert "ceiling .310" in headline
    assert "10.0 %" in headline
    assert "best: epoch 1" in headline


def test_dead_maps_are_counted_and_shown(make_run: MakeRun) -> None:
    page = read(make_run())
    assert "28 of 340 here" in section(page, "localization")
    assert "Most maps are dead" not in page
    assert "28 of 340 maps dead" in section(page, "headline")
    assert "dead map" in section(page, "epochs")


def test_published_numbers_stand_beside_the_official_split_of_the_whole_release_only(make_run: MakeRun) -> None:
    page = read(make_run())
    assert ".8717" in section(page, "published")
    assert "XProtoNet" in page
    assert "CheXNet" not in page


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ({"split": "patient"}, "on the split “patient”"),
        ({"source": "phantom"}, "on the source “phantom”"),
        ({"missing": 3}, "partial"),
    ],
)
def test_published_numbers_are_withheld_otherwise(make_run: MakeRun, run: dict[str, object], why: str) -> None:
    page = read(make_run(**run))
    assert why in section(page, "published")
    assert "No published numbers are shown" in page
    assert ".8717" not in page
    assert "XProtoNet" not in page
    assert "Wang et al. 2017" not in section(page, "classification")


def test_phantom_numbers_say_so(make_run: MakeRun) -> None:
    page = read(make_run(source="phantom"))
    assert "Phantom numbers." in page
    assert "in the layout of ChestX-ray14, NIH Clinical Center" in page
    assert "strength .50" in page
    assert "enriched" in page


def test_every_page_names_its_source_and_limits(make_run: MakeRun) -> None:
    page = read(make_run())
    assert "For research, not for clinical use." in page
    assert "provided by the NIH Clinical Center (Wang et al., CVPR 2017)" in page
    assert "Phantom numbers" not in page
    assert "disagreement with a report" in page
    assert "not absent" in page


def test_residuals_are_said(make_run: MakeRun) -> None:
    folder = make_run()
    assert read(folder).count("not exact (misses by up to 0.034)") == 2, "both halves"
    summary = read_json(folder.summary)
    for half in summary["localization"]["exact_cam"].values():
        half["largest_residual"] = None
    write_json(folder.summary, summary)
    assert "exact (" not in read(folder), "the method promises nothing"
    assert EXACT == TOLERANCE, "one word, one meaning"


def test_all_panels_are_inside(make_run: MakeRun) -> None:
    page = read(make_run())
    pictures = re.findall(
        r'<img src="data:image/webp;base64,[^"]+" width="(\d+)" height="(\d+)" alt="([^"]+)" loading="lazy"', page
    )
    # one film and three overlays of the strip, one sealed panel, three of the gallery
    assert [(width, height) for width, height, _ in pictures] == [("256", "256")] * 4 + [("514", "256")] * 4
    assert all(len(alt) > 10 for _, _, alt in pictures)
    assert 'data-epochs="[0, 1, 2]"' in page
    assert "IoU .37" in section(page, "sealed")
    assert "False positive: none in test" in section(page, "gallery")


def test_confusion_matrices_count_test_studies(make_run: MakeRun) -> None:
    # present: 0 3 6 9, predicted: even; so TP = {0, 6}, FN = {3, 9}, FP = {2, 4, 8, 10}, TN = {1, 5, 7, 11}
    confusion = section(read(make_run()), "confusion")
    assert confusion.count('<div class="matrix">') == 14
    assert re.findall(r">(\d+)<i>(\d+) %</i>", confusion)[:4] == [("2", "50"), ("2", "50"), ("4", "50"), ("4", "50")]


def test_missing_pieces_still_give_a_page(make_run: MakeRun) -> None:
    folder = make_run(boxes=False, panels=False)
    folder.metrics.unlink()
    folder.predictions.unlink()
    folder.config.unlink()
    page = read(folder)
    for words in ("No localization", "no panels of watched studies", "no gallery", "no curves", "no predictions"):
        assert words in page


def test_a_missing_picture_is_left_out(make_run: MakeRun) -> None:
    folder = make_run()
    for path in folder.path.rglob("*.png"):
        if path.name.startswith(("epoch-0", "TP")):
            path.unlink()
    page = read(folder)
    assert 'data-epochs="[1, 2]"' in page
    assert "2 of 3 epochs are shown" in page


def test_names_cannot_break_out_of_the_page(make_run: MakeRun) -> None:
    folder = make_run()
    path = folder.explanations("exact_cam") / "panels.csv"
    panels = pd.read_csv(path)
    panels["image_id"] = '"><script>alert(1)</script>.png'
    panels.to_csv(path, index=False)
    assert "<script>alert" not in read(folder)


def test_a_wrong_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a complete run"):
        write_report(RunFolder(tmp_path / "nothing"))


def test_a_folder_without_certificate_is_named(make_run: MakeRun) -> None:
    folder = make_run()
    folder.certificate.unlink()
    with pytest.raises(UserError, match="certificate"):
        write_report(folder)


def test_a_cut_off_file_is_named(make_run: MakeRun) -> None:
    folder = make_run()
    folder.predictions.write_bytes(b"PAR1")
    with pytest.raises(UserError, match="cannot be read"):
        write_report(folder)
    assert not folder.report.exists()


def test_calibration_stands_before_and_after(make_run: MakeRun) -> None:
    part = section(read(make_run()), "calibration")
    assert part.count('<svg class="chart"') == 14
    # twelve equal probabilities are one bin; a third of the targets are present
    assert "as it comes: 12 studies, said 0.500, came true 0.333" in part
    assert "calibrated: 12 studies, said 0.250, came true 0.333" in part
    assert "1 bin of 12 studies" in part
    assert "ECE .021 → .011, platt" in part
    mass = " ".join(part.partition('<th scope="row">Mass</th>')[2].partition("</tr>")[0].split())
    cells = re.findall(r">(\w+|\.\d+|–)</td>", mass)
    assert cells == ["platt", ".025", ".015", ".020", ".055", ".045", ".050", ".065", ".085", ".003"]
    hernia = part.partition('<th scope="row">Hernia</th>')[2].partition("</tr>")[0]
    assert hernia.count("–") == 3, "no prior, so no correction"
    assert "temperature" in hernia


def test_the_rule_of_thresholds_is_named(make_run: MakeRun) -> None:
    folder = make_run()
    assert "for the best F1" in section(read(folder), "reading")
    summary = folder.read_summary()
    for part in ("val", "test"):
        for row in summary["classification"][part]["findings"].values():
            row["threshold_rule"] = "val_sensitivity"
    folder.write_summary(summary)
    page = read(folder)
    assert "for a fixed sensitivity" in section(page, "reading")
    assert "Hernia *" not in page


def test_protocol_flags_and_ledger_are_on_the_page(make_run: MakeRun) -> None:
    folder = make_run()
    summary = folder.read_summary()
    flag = {"name": "val far above test", "numbers": {"val AUROC": 0.9, "of": 3}, "words": "Look for <leaks>."}
    folder.write_summary({**summary, "flags": [flag]})
    page = read(folder)
    flags = section(page, "flags")
    assert "Val far above test.</strong> Look for &lt;leaks&gt;." in flags
    assert "val AUROC .900 · of 3" in flags
    protocol = section(page, "protocol")
    for words in ("Data_Entry_2017_v2020.csv (bbbbbbbb)", "BBox_List_2017.csv (88888888)", "No analysis plan"):
        assert words in protocol
    assert "test labels were read 1 times and sealed boxes 0 times" in protocol
    assert "test labels were read 2 times" in section(read(folder), "protocol"), "this page is a reader, too"
    assert "age, sex and view alone .597" in section(page, "headline")
    assert "was measured by another rule" in section(page, "published")


@pytest.mark.parametrize("first_seen", ["2020-01-01T00:00:00.000+00:00", "2999-01-01T00:00:00.000+00:00"])
def test_numbers_that_were_not_planned_are_marked(make_run: MakeRun, first_seen: str) -> None:
    folder = make_run()
    text = (
        "{primary: {metric: auroc/macro, arms: [a, b]}, findings: [Mass], metrics: [iou], margin: 0.01, alpha: 0.05, "
    )
    entry = {"sha256": "9" * 64, "first_seen": first_seen, "text": text + "seeds: [0, 1, 2]}"}
    write_json(folder.certificate, {**read_json(folder.certificate), "plans": [entry]})
    page = read(folder)
    post_hoc = first_seen.startswith("2999")
    assert ("The plan is post hoc" in page) == post_hoc
    table = section(page, "classification")
    mark = '<sup title="exploratory: not in the plan">e</sup>'
    assert (f"AUROC{mark}" in table) == (f"Mass{mark}" in table) == post_hoc
    assert f"AUPRC{mark}" in table
    assert f"Hernia{mark}" in table
    headline = section(page, "headline")
    assert ('<span class="beside">primary</span>' in headline) == (not post_hoc)
    assert '<span class="beside">exploratory</span>' in headline, "skill was not planned"


def test_a_guided_run_says_so(make_run: MakeRun) -> None:
    folder = make_run()
    plain = read(folder)
    assert "guidance <b>" not in plain
    assert "<dt>Guidance</dt>" not in plain
    assert "<dt>First weights</dt>" not in plain
    folder.config.write_text("# model=resnet50 loss=bce finetune=gradual guidance=energy\nname: test\n")
    guidance = {"term": "energy", "needs": "boxes", "source": "BBox_List_2017.csv", "films": 1234}
    weights = {"file": "<chest>.pt", "sha256": "9" * 64, "trained_on": ["chexpert", "RUN a"], "known_by": "name"}
    own = {"guidance": guidance, "weights": weights | {"source": None, "seen": ["val"]}}
    write_json(folder.certificate, read_json(folder.certificate) | own)
    logged = pd.DataFrame({"epoch": [0, 1], "key": "train/guidance", "value": [0.8, math.nan]})
    logged.to_csv(folder.metrics, mode="a", header=False, index=False)
    page = read(folder)
    assert "<li>guidance <b>energy</b></li>" in page
    assert "<li>finetune <b>gradual</b></li>" in page
    told = section(page, "certificate")
    assert "<dd>energy: boxes from BBox_List_2017.csv, on 1,234 training films</dd>" in told
    known = "&lt;chest&gt;.pt, trained on chexpert; RUN a, known by its name alone, films of val among them"
    assert f"<dd>{known} <code>{'9' * 64}</code></dd>" in told
    assert "Guidance per epoch" in page


def test_reliance_stands_there_where_it_was_measured(make_run: MakeRun) -> None:
    folder = make_run()
    assert 'id="reliance"' not in read(folder)
    entry = {"value": 0.234, "low": 0.2, "high": 0.3}
    three = {"with": entry, "without": {**entry, "value": 0.123}, "difference": {**entry, "value": 0.111}}
    row = {"studies": 40, "patients": 30, "size": entry, "change": entry, "leaning": entry}
    shortcuts = {"marker": {"finding": "Pneumonia", **row, "auroc": three}, "brightness": {"finding": None, **row}}
    findings = dict.fromkeys(FINDINGS, three)
    reliance = {"least": 0.1, "studies": 90, "patients": 60, "shortcuts": shortcuts, "findings": findings}
    write_json(folder.summary, read_json(folder.summary) | {"reliance": reliance | {"macro": {"over": 13, **three}}})
    found = section(read(folder), "reliance")
    assert "Phantom numbers" in found
    marker = found.partition('<th scope="row">marker')[2].partition("</tr>")[0]
    assert all(words in marker for words in ("Pneumonia", "40", ".234", "+.234", ".123", "+.111"))
    assert "the view; all findings" in found
    assert "All left out, mean over 13" in found
    assert "AUROC of its finding" not in found, "the last row is a mean"
