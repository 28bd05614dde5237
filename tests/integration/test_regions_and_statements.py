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
from cxr_xai.files import read_json, write_json
from cxr_xai.findings import FINDINGS

FEW = ("max_studies=5", "samples=40", "background=4", "bootstrap=30")
ENOUGH = "bootstrap=4000"


@pytest.fixture(scope="module")
def copied(finished: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    place = tmp_path_factory.mktemp("copied") / finished.path.name
    shutil.copytree(finished.path, place)
    return RunFolder(place)


@pytest.fixture(scope="module")
def explained(copied: RunFolder) -> RunFolder:
    settings, _ = compose("regions", [f"folder={copied.path}", *FEW])
    run_regions(settings)
    return copied


def test_regions_leave_tables_figures_and_a_page(explained: RunFolder) -> None:
    place = explained.path / "regions"
    summary = read_json(place / "summary.json")
    assert summary["anatomy"] == "phantom"
    assert summary["films"] == 5
    assert len(pd.read_csv(place / "importance.csv")) == (len(FINDINGS) + 1) * len(REGIONS)
    assert len(pd.read_csv(place / "pairs.csv")) == 91
    assert "In the predictions" in (place / "report.html").read_text()
    assert (place / "shap_summary.png").stat().st_size > 10_000
    assert (place / "figures" / "beeswarm_Mass.svg").is_file()
    assert "importance of regions" in set(read_ledger(explained.ledger)["purpose"])


def test_values_of_a_film_add_up_to_its_logit_minus_that_of_the_empty_film(explained: RunFolder) -> None:
    films = pd.read_csv(explained.path / "regions" / "films.csv")
    by_film = films.groupby(["finding", "image_id"]).agg(phi=("phi", "sum"), logit=("logit", "first"))
    empty = (by_film["logit"] - by_film["phi"]).groupby("finding").std()
    assert empty.max() < 1e-3  # the empty film is one for all


def test_a_run_beside_one_whose_films_are_in_another_order_differs_where_it_was_changed(
    explained: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run's values are the same, films in another order, but for the heart's, which are three times as large.

    Were films paired by their place, every region would differ. Nothing is played again, of either.
    """
    films = pd.read_csv(explained.path / "regions" / "films.csv")
    monkeypatch.setattr(games, "play", None)
    other = RunFolder(tmp_path / "other")
    shutil.copytree(explained.path, other.path)
    stored = dict(np.load(other.path / "regions" / "values.npz"))
    order, heart = np.array([3, 1, 4, 0, 2]), REGIONS.index("heart")
    for key in ("image_id", "phi", "interactions", "areas"):
        stored[key] = stored[key][order]
    stored["phi"][:, heart] *= 3
    np.savez(other.path / "regions" / "values.npz", **stored)
    settings, _ = compose("regions", [f"folder={explained.path}", f"against={other.path}", *FEW, ENOUGH])
    run_regions(settings)
    table = pd.read_csv(explained.path / "regions" / "differences.csv").set_index(["finding", "region"])
    before = np.abs(stored["phi"]).mean(axis=0)[heart] / 3
    np.testing.assert_allclose(table["difference"].unstack()["heart"][list(FINDINGS)], -2 * before, rtol=1e-4)
    assert (table["difference"].unstack().drop(columns="heart").to_numpy() == 0).all()
    np.testing.assert_allclose(films["phi"], pd.read_csv(explained.path / "regions" / "films.csv")["phi"], atol=1e-5)
    page = (explained.path / "regions" / "report.html").read_text()
    assert "Beside other" in page
    assert "Two networks, not two arms" in page


def test_two_arms_of_two_seeds_each_are_compared_beside_their_runs(
    explained: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four copies of one run under other seeds; those of the second arm have three times the heart, films reversed."""
    monkeypatch.setattr(games, "play", None)  # nothing is played again
    places = [tmp_path / f"run-s{seed}" for seed in range(4)]
    for seed, place in enumerate(places):
        shutil.copytree(explained.path, place)
        certificate = read_json(place / "certificate.json")
        write_json(place / "certificate.json", certificate | {"seed": seed})
        stored = dict(np.load(place / "regions" / "values.npz"))
        if seed > 1:
            for key in ("image_id", "phi", "interactions", "areas"):
                stored[key] = stored[key][::-1]
            stored["phi"] = stored["phi"].copy()
            stored["phi"][:, REGIONS.index("heart")] *= 3
        np.savez(place / "regions" / "values.npz", **stored)
    sides = [f"[{places[a]},{places[a + 1]}]" for a in (0, 2)]
    run_regions(compose("regions", [f"folder={sides[0]}", f"against={sides[1]}", *FEW])[0])
    (place,) = (tmp_path / "regions").iterdir()
    summary = read_json(place / "summary.json")
    assert list(summary["trainings"].values()) == [2, 2]
    table = pd.read_csv(place / "differences.csv").set_index(["finding", "region"])["difference"].unstack()
    before = (
        pd.read_csv(explained.path / "regions" / "importance.csv").set_index(["finding", "region"])["size"].unstack()
    )
    np.testing.assert_allclose(table["heart"], -2 * before["heart"], rtol=1e-3)
    np.testing.assert_allclose(table.drop(columns="heart"), 0, atol=1e-9)
    assert "other trainings" in (place / "report.html").read_text()
    assert (place / "shap_summary.png").stat().st_size > 10_000


def test_arms_are_refused_where_films_would_differ() -> None:
    settings, _ = compose("regions", ["folder=[x,y]", "against=z", "predicted=true"])
    with pytest.raises(UserError, match="arms are compared on the same ones"):
        run_regions(settings)
    settings, _ = compose("regions", ["folder=x", "output=y"])
    with pytest.raises(UserError, match="output= is for two arms"):
        run_regions(settings)


def test_masks_that_are_missing_are_counted_or_refused(explained: RunFolder, tmp_path: Path) -> None:
    settings, _ = compose("regions", [f"folder={explained.path}", f"masks={tmp_path}", *FEW])
    with pytest.raises(UserError, match="none of the 5 films has known regions"):
        run_regions(settings)


BAD = [
    ("statements", "max_studies=null", "max_studies=None"),
    ("statements", "bootstrap=few", "bootstrap=few"),
    ("statements", "bootstrap=1000", "4 statements need 1600"),
    ("statements", "batch_size=0", "batch_size=0"),
    ("regions", "samples=abc", "samples=abc"),
    ("regions", "samples=21", "samples=21"),
    ("regions", "max_studies=1.5", "max_studies=1.5"),
    ("regions", "background=0", "background=0"),
    ("regions", "predicted=maybe", "predicted=maybe"),
    ("regions", "folder=null", "folder=None"),
]


@pytest.mark.parametrize(("script", "word", "message"), BAD)
def test_what_a_setting_cannot_be_is_said(script: str, word: str, message: str) -> None:
    settings, _ = compose(script, ["folder=x", word])
    with pytest.raises(UserError, match=message):
        {"regions": run_regions, "statements": run_statements}[script](settings)


def test_two_runs_beside_each_other_need_enough_replicates() -> None:
    settings, _ = compose("regions", ["folder=x", "against=y", "bootstrap=3999"])
    with pytest.raises(UserError, match="10 shares of importance need 4000"):
        run_regions(settings)


def test_statements_are_written_and_stand_in_the_report(copied: RunFolder) -> None:
    assert "Statements, tested" not in copied.report.read_text()
    settings, _ = compose("statements", [f"folder={copied.path}", "max_studies=16", "bootstrap=1600"])
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
