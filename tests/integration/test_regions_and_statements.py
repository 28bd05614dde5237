"""A finished run is explained by regions and tested on statements, from its folder alone; twice is as once."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.anatomy.regions import REGIONS
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.global_explanations import games
from cxr_xai.experiments.global_explanations.run import run_regions
from cxr_xai.experiments.statements.run import run_statements
from cxr_xai.files import read_json
from cxr_xai.findings import FINDINGS

FEW = ("max_studies=5", "samples=40", "background=4", "bootstrap=30")


@pytest.fixture(scope="module")
def copied(finished: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    place = tmp_path_factory.mktemp("copied") / finished.path.name
    shutil.copytree(finished.path, place)
    return RunFolder(place)


@pytest.fixture(scope="module")
def explained(copied: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    settings, _ = compose("regions", [f"folder={copied.path}", f"against={copied.path}", *FEW])
    run_regions(settings)
    return copied


def test_regions_leave_tables_figures_and_a_page(explained: RunFolder) -> None:
    place = explained.path / "regions"
    summary = read_json(place / "summary.json")
    assert summary["anatomy"] == "phantom"
    assert summary["films"] == 5
    assert len(pd.read_csv(place / "importance.csv")) == (len(FINDINGS) + 1) * len(REGIONS)
    assert len(pd.read_csv(place / "pairs.csv")) == 91
    assert "Beside" in (place / "report.html").read_text()
    assert (place / "figures" / "beeswarm_Mass.svg").is_file()
    assert "importance of regions" in set(read_ledger(explained.ledger)["purpose"])


def test_values_of_a_film_add_up_to_its_logit_minus_that_of_the_empty_film(explained: RunFolder) -> None:
    films = pd.read_csv(explained.path / "regions" / "films.csv")
    by_film = films.groupby(["finding", "image_id"]).agg(phi=("phi", "sum"), logit=("logit", "first"))
    empty = (by_film["logit"] - by_film["phi"]).groupby("finding").std()
    assert empty.max() < 1e-3  # the empty film is one for all


def test_a_run_beside_itself_differs_nowhere(explained: RunFolder) -> None:
    table = pd.read_csv(explained.path / "regions" / "differences.csv")
    assert (table["difference"] == 0).all()


def test_again_plays_nothing_again(explained: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = pd.read_csv(explained.path / "regions" / "films.csv")
    monkeypatch.setattr(games, "play", None)
    settings, _ = compose("regions", [f"folder={explained.path}", *FEW])
    run_regions(settings)
    after = pd.read_csv(explained.path / "regions" / "films.csv")
    np.testing.assert_allclose(before["phi"], after["phi"], atol=1e-5)


def test_masks_that_are_missing_are_counted_or_refused(explained: RunFolder, tmp_path: Path) -> None:
    settings, _ = compose("regions", [f"folder={explained.path}", f"masks={tmp_path}", *FEW])
    with pytest.raises(UserError, match="none of the 5 films has known regions"):
        run_regions(settings)


def test_statements_are_written_and_stand_in_the_report(copied: RunFolder) -> None:
    assert "Statements, tested" not in copied.report.read_text()
    settings, _ = compose("statements", [f"folder={copied.path}", "max_studies=30", "bootstrap=30"])
    run_statements(settings)
    summary = read_json(copied.path / "statements" / "summary.json")
    assert [one["key"] for one in summary["statements"]] == ["focus", "location", "separateness", "agreement"]
    assert all(one["found"] for one in summary["statements"])
    page = copied.report.read_text()
    assert "Statements, tested" in page
    ledger = read_ledger(copied.ledger)
    assert {"test labels", "sealed boxes"} <= set(ledger.loc[ledger["purpose"] == "clinical statements", "what"])


@pytest.mark.parametrize("script", ["regions", "statements"])
def test_a_folder_that_is_no_run_is_named(script: str, tmp_path: Path) -> None:
    settings, _ = compose(script, [f"folder={tmp_path / 'none'}"])
    with pytest.raises(UserError, match="none"):
        {"regions": run_regions, "statements": run_statements}[script](settings)
