"""From a folder to tables, summary, page and ledger."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.artifacts.subgroups_folder import TABLES, SubgroupsFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.subgroups.read import read_judged
from cxr_xai.experiments.subgroups.run import check_settings, run_subgroups


@pytest.fixture(scope="module")
def compared(run: RunFolder, source: Path, tmp_path_factory: pytest.TempPathFactory) -> SubgroupsFolder:
    from cxr_xai.experiments.command import compose

    place = tmp_path_factory.mktemp("compared") / "subgroups"
    words = [f"folder={run.path}", f"attributes={{drain: {source / 'drains.csv'}}}", "only=[sex,view,drain]"]
    run_subgroups(compose("subgroups", [*words, "replicates=100", f"output={place}"])[0])
    return SubgroupsFolder(place)


def test_tables_have_their_columns(compared: SubgroupsFolder) -> None:
    for name, columns in TABLES.items():
        assert tuple(compared.read_table(name).columns) == columns


def test_the_drain_is_found(compared: SubgroupsFolder) -> None:
    largest = compared.read_table("largest").set_index(["attribute", "metric", "finding"])
    for metric in ("fnr", "fpr", "auroc_positives"):
        row = largest.loc[("drain", metric, "Pneumothorax")]
        assert row["gap"] > 0.3
        assert (row["p_adjusted"] < 0.05, row["adjusted_by"]) == (True, "bh")
    claims = {(one["attribute"], one["metric"]) for one in compared.read_summary()["claims"]}
    assert ("sex", "skill") in claims
    assert not {claim for claim in claims if claim[0] == "view"}


def test_the_prevalence_stands_beside_every_gap(compared: SubgroupsFolder) -> None:
    gaps = compared.read_table("gaps")
    known = gaps[(gaps["attribute"] == "view") & (gaps["finding"] == "Mass")]
    prevalence = compared.read_table("prevalence").set_index(["attribute", "group", "finding"])["prevalence"]
    np.testing.assert_allclose(known["prevalence"], prevalence[("view", "AP", "Mass")])
    np.testing.assert_allclose(known["prevalence_against"], prevalence[("view", "PA", "Mass")])


def test_sizes_tell_who_is_in_both(compared: SubgroupsFolder) -> None:
    sizes = compared.read_table("sizes").set_index(["attribute", "group"])
    assert sizes.loc[("sex", "F"), "shared_patients"] == 0
    assert sizes.loc[("view", "AP"), "shared_patients"] > 50


def test_the_reading_is_noted(compared: SubgroupsFolder, run: RunFolder) -> None:
    ledger = read_ledger(run.ledger)
    assert {"test labels", "sealed boxes"} <= set(ledger.loc[ledger["purpose"] == "subgroups", "what"])


def test_the_page_says_it(compared: SubgroupsFolder) -> None:
    page = compared.report.read_text()
    assert "skill differs by sex: F" in page
    assert re.search(r"Pneumothorax, [A-Za-z, ]+ by drain: no", page)
    assert page.count("<section") == 5
    assert "http-equiv" in page
    assert "src=" not in page


def test_folds_of_a_sweep(sweep: Path) -> None:
    judged = read_judged(sweep, None)
    assert (len(judged.runs), len(judged.images), judged.explainer) == (3, 450, "exact_cam")
    assert sorted(set(judged.fold.tolist())) == [0, 1, 2]
    assert len(judged.boxes) == len(judged.boxes.drop_duplicates(["image_id", "finding"]))
    with pytest.raises(UserError, match=r"arm=focal: .* has bce"):
        read_judged(sweep, "focal")


@pytest.mark.slow
def test_a_sweep_is_compared(sweep: Path, source: Path) -> None:
    from cxr_xai.experiments.command import compose

    words = [f"folder={sweep}", f"attributes={{drain: {source / 'drains.csv'}}}", "only=[sex,drain]", "replicates=100"]
    run_subgroups(compose("subgroups", words)[0])
    folder = SubgroupsFolder(sweep / "subgroups")
    assert (folder.read_summary()["folds"], len(folder.read_summary()["runs"])) == (3, 3)
    largest = folder.read_table("largest").set_index(["attribute", "metric", "finding"])
    assert largest.loc[("drain", "fnr", "Pneumothorax"), "p_adjusted"] < 0.05
    assert largest.loc[("sex", "iou", "macro"), "p_adjusted"] < 0.05
    assert all(len(read_ledger(RunFolder(path).ledger)) >= 2 for path in sweep.glob("run-f*"))
    assert read_judged(sweep, None).images.size == 450  # the new folder is no run


def test_an_evaluation_writes_into_the_ledger_of_its_run(run: RunFolder, tmp_path: Path) -> None:
    import shutil

    whole = Path(shutil.copytree(run.path, tmp_path / "run"))
    below = Path(shutil.copytree(run.path, whole / "evaluated" / "nih-all"))
    table = pd.read_parquet(below / "predictions.parquet")
    table.assign(part="all").to_parquet(below / "predictions.parquet")
    certificate = (below / "certificate.json").read_text()
    (below / "certificate.json").write_text(certificate.replace("{", '{"part": "all",', 1))
    (below / "ledger.csv").unlink(missing_ok=True)
    before = len(read_ledger(RunFolder(whole).ledger))
    assert len(read_judged(below, None).images) == 450
    assert len(read_ledger(RunFolder(whole).ledger)) == before + 2
    assert not (below / "ledger.csv").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"family": ["ece"]}, "family=ece: not one of those with tests: auroc"),
        ({"age_bands": [40, 20]}, "age_bands"),
        ({"replicates": 5}, "replicates=5"),
        ({"unlisted": "yes"}, "unlisted=yes"),
        ({"attributes": ["a.csv"]}, "expected a mapping"),
        ({"alpha": 2}, "alpha=2"),
    ],
)
def test_settings_are_refused_before_anything_is_read(
    asked: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        check_settings({**asked, **changed})


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read_judged(tmp_path / "absent", None)
    with pytest.raises(UserError, match="holds no run folder"):
        read_judged(tmp_path, None)
