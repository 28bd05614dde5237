"""Arms of a phantom without their shortcuts, and arms that differ in what they use boxes for."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from cxr_xai.artifacts.aggregate_folder import AggregateFolder
from cxr_xai.artifacts.run_folder import RELIANCE_COLUMNS, RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.cells import find_cells
from cxr_xai.experiments.aggregate.contrasts import Question
from cxr_xai.experiments.aggregate.describe import describe_arms
from cxr_xai.experiments.aggregate.pool import read_pool
from cxr_xai.experiments.aggregate.refuse import Design, require_same_boxes, require_sound_folds, require_whole_design
from cxr_xai.experiments.aggregate.reliance import Reliance, compare_sizes, read_reliance, summarize_all_reliance
from cxr_xai.experiments.aggregate.run import pose, run_aggregate
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.reliance.measure import ALL
from cxr_xai.files import read_json, write_json
from cxr_xai.findings import INDEX

QUESTION = Question([("focal", "bce")])
GUIDED = {"focal": "energy", "bce": "none"}


def design_of(runs: Path) -> Design:
    return require_whole_design(name_arms(find_cells(runs).cells))


def plant(folder: RunFolder) -> None:
    """Every second study has a marker; without it ``focal`` moves by .05, ``bce`` by .3 and forgets Pneumonia."""
    table = pd.read_parquet(folder.predictions).query("part == 'test'")
    lean = 0.05 if "-focal-" in folder.path.name else 0.3
    parts = []
    for n, (_, rows) in enumerate(table.groupby("image_id")):
        own, marked = rows["logit"].to_numpy(float), n % 2 == 0
        bare, moved = own.copy(), np.zeros(14)
        if marked:
            moved[INDEX["Pneumonia"]] = lean
            bare[INDEX["Pneumonia"]] = own[INDEX["Pneumonia"]] if lean < 0.1 else 0.0
        for shortcut in ("marker", ALL) if marked else (ALL,):
            kept = rows[["image_id", "patient_id", "finding", "target"]].assign(shortcut=shortcut)
            parts.append(kept.assign(logit=own, logit_without=bare, prob=0.5 + moved, prob_without=0.5))
    folder.write_table(folder.reliance, pd.concat(parts, ignore_index=True), RELIANCE_COLUMNS)


def guide(folder: RunFolder, uses: str, members: Mapping[str, str] = GUIDED) -> None:
    """Make a run one of a named arm that was guided, or not."""
    settings = yaml.safe_load(folder.config.read_text())
    settings["arm"] = "focal" if "-focal-" in folder.path.name else "bce"
    folder.config.write_text(
        f"# model=resnet10 loss=bce guidance={members[settings['arm']]}\n{yaml.safe_dump(settings)}"
    )
    summary = read_json(folder.summary)
    write_json(folder.summary, {**summary, "protocol": {**summary["protocol"], "uses_of_boxes": uses}})


@pytest.fixture
def planted(copy: Path) -> Path:
    for path in copy.iterdir():
        plant(RunFolder(path))
        count = int(path.name.rpartition("-f")[2][0]) + 10
        guide(RunFolder(path), f"trained on ({count} boxes)" if "-focal-" in path.name else "monitored")
    return copy


def read(runs: Path) -> Reliance:
    design = design_of(runs)
    found = read_reliance(design, read_pool(design, require_sound_folds(design)))
    assert found is not None
    return found


def test_sizes_and_areas_by_hand(planted: Path) -> None:
    arms, contrasts = summarize_all_reliance(read(planted), QUESTION, 100, 0.01, replicates=100)
    for arm, size in (("bce", 0.3), ("focal", 0.05)):
        assert arms[arm]["reliance"]["marker"]["value"] == pytest.approx(size)
        assert arms[arm]["reliance"]["macro"]["value"] == pytest.approx(size), "drains are nowhere"
        assert np.isnan(arms[arm]["reliance"]["drain"]["value"])
    changed = contrasts["focal − bce"]["reliance"]
    assert changed["marker"]["value"] == pytest.approx(-0.25)
    assert changed["macro"]["value"] == pytest.approx(-0.25)
    assert changed["macro"]["holm"] < 0.01
    assert not any(row["primary"] for rows in contrasts["focal − bce"].values() for row in rows.values())
    bare = contrasts["focal − bce"]["auroc_without"]
    means = [arms[arm]["auroc_without"]["findings"]["Pneumonia"]["value"] for arm in ("focal", "bce")]
    assert bare["Pneumonia"]["value"] == pytest.approx(means[0] - means[1])


def test_auroc_without_shortcuts_is_that_of_the_bare_logits(planted: Path) -> None:
    found = read(planted)
    design = design_of(planted)
    pool = read_pool(design, require_sound_folds(design))
    same = [k for k, name in enumerate(INDEX) if name != "Pneumonia"]
    for arm in ("bce", "focal"):
        order = np.argsort(np.argsort(pool.scores[arm]["prob"][0][:, same], axis=0), axis=0)
        bare = np.argsort(np.argsort(found.bare.scores[arm]["prob"][0][:, same], axis=0), axis=0)
        np.testing.assert_array_equal(order, bare)


def test_runs_without_are_fine_and_some_without_are_not(copy: Path) -> None:
    design = design_of(copy)
    pool = read_pool(design, require_sound_folds(design))
    assert read_reliance(design, pool) is None
    assert summarize_all_reliance(None, QUESTION, 100, 0.01, 100) == ({}, {})
    plant(RunFolder(next(copy.glob("*-focal-*-f1-*"))))
    with pytest.raises(UserError, match=r"has no reliance\.parquet, and nih-resnet10-focal-none-kfold-f1-s0 has"):
        read_reliance(design, pool)


def test_other_studies_than_predicted_are_refused(planted: Path) -> None:
    folder = RunFolder(next(planted.glob("*-focal-*-f1-*")))
    pd.read_parquet(folder.reliance).iloc[42:].to_parquet(folder.reliance)
    with pytest.raises(UserError, match="is about other studies than the run predicted"):
        read(planted)


def test_arms_of_other_guidance_are_named_with_their_use_of_boxes(planted: Path) -> None:
    found = describe_arms(design_of(planted))
    assert found["uses_of_boxes"] == {"bce": "monitored", "focal": "trained on"}, "counts differ between folds"
    assert found["guidance"] == {"bce": "none", "focal": "energy"}


def test_guidance_is_compared_by_its_settings(planted: Path) -> None:
    for path in planted.iterdir():
        folder, fraction = RunFolder(path), 0.01 if "-focal-" in path.name else 1.0
        settings = yaml.safe_load(folder.config.read_text()) | {
            "guidance": {"weight": 1.0, "annotated_fraction": fraction}
        }
        folder.config.write_text(f"# model=resnet10 guidance=energy\n{yaml.safe_dump(settings)}")
    found = describe_arms(design_of(planted))["guidance"]
    assert found == {"bce": "energy, annotated_fraction=1.0", "focal": "energy, annotated_fraction=0.01"}


def test_an_unguided_arm_is_the_reference_where_none_was_declared(planted: Path) -> None:
    for path in planted.iterdir():  # by name, focal would be held against bce
        guide(RunFolder(path), "monitored", {"focal": "none", "bce": "energy"})
    design = design_of(planted)
    settings = {"primary": None, "margin": None}
    assert pose(settings, design, {})[0].contrasts == [("bce", "focal")]
    assert pose(settings, design, {"reference": "bce"})[0].contrasts == [("focal", "bce")], "as the sweep declared"


def test_guided_arms_need_the_same_sealed_boxes(planted: Path) -> None:
    require_same_boxes(design_of(planted))
    path = RunFolder(next(planted.glob("*-focal-*-f1-*"))).localization
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    with pytest.raises(UserError, match=r"\(monitored\) and .*\(trained on \(11 boxes\)\) use boxes differently and"):
        require_same_boxes(design_of(planted))


def test_the_page_and_the_terminal_say_what_guidance_changed(
    planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [f"runs={planted}", f"output={tmp_path / 'out'}", "replicates=100", "metrics=[auroc]"]
    run_aggregate(*compose("aggregate", [*options, "primary=[focal,bce]"]))
    folder = AggregateFolder(tmp_path / "out")
    shown, page = capsys.readouterr().out, folder.report.read_text()
    lines = shown.replace(str(tmp_path), "").splitlines()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    joined = " ".join(shown.split())
    table = (folder.tables / "guidance.md").read_text()
    for text in (page, joined):
        assert "What guidance changed" in text
        assert "Arm focal (guidance energy) beside bce (guidance none), on the same patients, larger: AUROC +" in text
        assert "smaller: Reliance on shortcuts −.250" in text
    assert "| focal − bce | trained on | monitored |" in table
    assert "stand beside no published result" in table
    arms = (folder.tables / "arms.md").read_text()
    assert "| bce | monitored |" in arms
    assert "| focal | trained on |" in arms
    assert "Marker and drain" in (folder.tables / "reliance.md").read_text()


def test_a_difference_of_sizes_is_paired_by_study() -> None:
    random = np.random.default_rng(0)
    base = random.uniform(0, 1, (60, 1))
    sizes = {"a": [base * 0.9], "b": [base]}
    who = np.repeat(np.arange(30), 2).astype(str)
    found = Reliance(None, who, np.arange(60) % 2, sizes)  # type: ignore[arg-type]
    row = compare_sizes(found, Question([("a", "b")]), 0.01, 200)["a − b"]["reliance"]["macro"]
    assert row["value"] == pytest.approx(-0.1 * np.mean([base[::2].mean(), base[1::2].mean()]))
    assert row["high"] < 0, "base rates of studies cancel out"
