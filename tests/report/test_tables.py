"""A table in three forms, by hand."""

import csv
import io
from pathlib import Path

import pytest

from cxr_xai.report.tables import Column, Table, escape_tex, to_csv, to_markdown, to_tex, write_tables

ESTIMATE = {"value": 0.81234, "low": 0.8, "high": 0.825, "sd": 0.01}
TABLE = Table(
    name="arms",
    title="Means of 50 % of a_b",
    columns=[Column("Arm"), Column("N", "count"), Column("AUROC", "estimate"), Column("Change", "difference"),
             Column("p", "p"), Column("F1", "number")],
    rows=[
        ["loss=focal & x|y", 1200, ESTIMATE, {"value": -0.05}, 0.0004, 0.5],
        ["none", None, {"value": None, "low": None, "high": None, "sd": None}, {"value": 0.05}, None, None],
    ],
    notes=["nih, split kfold, region ≥ 0.5.", "± is over folds."],
    strong=frozenset({1}),
)  # fmt: skip


def test_markdown() -> None:
    lines = to_markdown(TABLE).splitlines()
    assert lines[0] == "## Means of 50 % of a_b"
    assert lines[2] == "| Arm | N | AUROC | Change | p | F1 |"
    assert lines[3] == "| --- | ---: | ---: | ---: | ---: | ---: |"
    assert lines[4] == "| loss=focal & x\\|y | 1,200 | .812 (.800–.825, ±.010) | −.050 | <.001 | .500 |"
    assert lines[5] == "| **none** | **–** | **–** | **+.050** | **–** | **–** |"
    assert "nih, split kfold, region ≥ 0.5." in lines[7]


def test_latex_is_escaped_and_carries_the_protocol() -> None:
    text = to_tex(TABLE)
    assert r"loss=focal \& x|y & 1,200 & .812 (.800--.825, $\pm$.010) & $-$.050 & $<$.001 & .500 \\" in text
    assert r"\textbf{none} & \textbf{--}" in text
    assert r"\caption{Means of 50 \% of a\_b. nih, split kfold, region $\geq$ 0.5. $\pm$ is over folds.}" in text
    assert r"\begin{tabular}{lrrrrr}" in text
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")
    assert text.isascii()


def test_every_sign_that_tables_use_has_a_spelling_in_latex() -> None:
    assert escape_tex("\\ & % $ # _ { } ~ ^ < > – − ± ≥ × Δ † … “ ” ≡ →").isascii()


def test_csv_has_full_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(TABLE))))
    assert list(rows[0]) == [
        "Arm",
        "N",
        "AUROC",
        "AUROC low",
        "AUROC high",
        "AUROC sd",
        "Change",
        "p",
        "F1",
        "protocol",
    ]
    assert (rows[0]["AUROC"], rows[0]["AUROC low"], rows[0]["N"]) == ("0.81234", "0.8", "1200")
    assert (rows[1]["AUROC"], rows[1]["N"], rows[1]["Arm"]) == ("", "", "none")
    assert rows[1]["protocol"] == "nih, split kfold, region ≥ 0.5."


def test_files_of_a_former_aggregate_go_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("x")
    (tmp_path / "mine.tex").write_text("mine")
    write_tables(tmp_path, [TABLE], former=["old", "arms"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arms.csv", "arms.md", "arms.tex", "mine.tex"]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        to_markdown(Table("x", "x", [Column("a")], [["1", "2"]], []))
