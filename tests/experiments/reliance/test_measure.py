"""Films with and without their shortcuts, under a network whose answer is known by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from cxr_xai.artifacts.run_folder import RELIANCE_COLUMNS
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.phantom.twins import PhantomTruth
from cxr_xai.data.readers.phantom import PhantomReader
from cxr_xai.data.tta.none import NoTta
from cxr_xai.data.tta.shifts import Shifts
from cxr_xai.experiments.reliance.measure import ALL, change_by_study, kind_of, measure_run, serve
from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.metrics.calibration.contract import Calibrator, Line
from cxr_xai.metrics.decision import Decision
from cxr_xai.metrics.thresholds.contract import Cut

HALVED = Decision(
    FINDINGS,
    Calibrator(tuple(Line("none", 0.5, 0.0) for _ in FINDINGS)),
    tuple(Cut("by hand", 0.2) for _ in FINDINGS),
    0,
)


class MeanGray(nn.Module):
    """The logit of Mass is the film's mean gray level in tenths; all others are 0."""

    def forward(self, image: Tensor) -> Tensor:
        logits = torch.zeros(len(image), len(FINDINGS))
        logits[:, INDEX["Mass"]] = 10 * image.mean(dim=(1, 2, 3))
        return logits


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ChestXrayDataModule:
    reader = PhantomReader(train_val_patients=8, test_patients=14, film_size=96, shortcut_strength=0.5)
    return ChestXrayDataModule(tmp_path_factory.mktemp("reliance") / "phantom", reader, image_size=48, batch_size=7)


@pytest.fixture(scope="module")
def table(data: ChestXrayDataModule) -> pd.DataFrame:
    found = measure_run(data, MeanGray(), NoTta(), torch.device("cpu"), HALVED)
    assert found is not None
    return found


def test_every_test_study_is_there_without_all_shortcuts(data: ChestXrayDataModule, table: pd.DataFrame) -> None:
    assert tuple(table.columns) == RELIANCE_COLUMNS
    assert not table.duplicated(["image_id", "shortcut", "finding"]).any()
    rows = data.dataset("test").rows
    names = data.index.studies["image_id"].iloc[rows].tolist()
    whole = table[table["shortcut"] == ALL]
    assert whole["image_id"].tolist() == [name for name in names for _ in FINDINGS]
    np.testing.assert_array_equal(whole["target"].to_numpy().reshape(-1, 14), data.index.targets[rows])
    truth = PhantomTruth(data.root, data.image_size)
    planted = {(name, shortcut) for name in names for shortcut in (*truth.shortcuts(name), ALL)}
    assert set(zip(table["image_id"], table["shortcut"], strict=True)) == planted


def test_logits_are_those_of_the_rendered_twins(data: ChestXrayDataModule, table: pd.DataFrame) -> None:
    truth = PhantomTruth(data.root, data.image_size)
    mass = table[table["finding"] == "Mass"]
    several = [name for name in mass["image_id"].unique() if len(truth.shortcuts(name)) > 1]
    assert several
    for name in several[:3]:
        rows = mass[mass["image_id"] == name].set_index("shortcut")
        for shortcut, row in rows.iterrows():
            left = truth.shortcuts(name) if shortcut == ALL else (str(shortcut),)
            [twin] = truth.twins(name, [left])
            assert row["logit_without"] == pytest.approx(10 * twin.mean() / 255, abs=1e-4)
        assert rows["logit"].nunique() == 1
    others = table[table["finding"] != "Mass"]
    assert (others["logit_without"] == 0).all()
    assert (others["prob"] == 0.5).all()


def test_films_and_twins_are_predicted_as_the_run_predicts(data: ChestXrayDataModule, table: pd.DataFrame) -> None:
    tta, truth = Shifts(shift=0.1), PhantomTruth(data.root, data.image_size)
    averaged = measure_run(data, MeanGray(), tta, torch.device("cpu"), HALVED)
    assert averaged is not None
    rows = data.dataset("test").rows
    films = data.plain(data.dataset_of(rows).batch(rows), 0).image
    mass = averaged[(averaged["finding"] == "Mass") & (averaged["shortcut"] == ALL)]
    expected = tta(MeanGray(), films)[:, INDEX["Mass"]].numpy()
    np.testing.assert_allclose(mass["logit"], expected, atol=1e-5)
    twins = np.stack([truth.twins(name, [truth.shortcuts(name)])[0] for name in mass["image_id"]])
    without = tta(MeanGray(), serve(data, twins))[:, INDEX["Mass"]].numpy()
    np.testing.assert_allclose(mass["logit_without"], without, atol=1e-5)
    plain = table.loc[mass.index]
    assert (mass["logit"] < plain["logit"] - 0.01).all(), "black comes in from outside a moved film"


def test_probabilities_are_calibrated(table: pd.DataFrame) -> None:
    for end in ("", "_without"):
        expected = 1 / (1 + np.exp(-table[f"logit{end}"].to_numpy() / 2))
        np.testing.assert_allclose(table[f"prob{end}"], expected, atol=1e-12)


def test_another_source_has_no_shortcuts_to_leave_out() -> None:
    source = SimpleNamespace(index=SimpleNamespace(name="nih"))
    assert measure_run(source, MeanGray(), NoTta(), torch.device("cpu"), HALVED) is None  # type: ignore[arg-type]


def test_changes_of_a_finding_and_of_all() -> None:
    rows = {
        "image_id": ["a"] * 2 + ["b"] * 2,
        "patient_id": ["1"] * 2 + ["2"] * 2,
        "shortcut": "drain",
        "finding": ["Mass", "Edema"] * 2,
        "prob": [0.5, 0.5, 0.5, 0.5],
        "prob_without": [0.2, 0.9, 0.55, 0.5],
    }
    table = pd.DataFrame(rows)
    mass = change_by_study(table, "drain", "Mass")
    assert mass["change"].tolist() == pytest.approx([0.3, -0.05])
    assert mass["size"].tolist() == pytest.approx([0.3, 0.05])
    mean = change_by_study(table, "drain", None)
    assert mean["change"].tolist() == pytest.approx([-0.05, -0.025])
    assert mean["size"].tolist() == pytest.approx([0.35, 0.025])
    assert change_by_study(table, "marker", "Mass").empty
    assert kind_of(table).tolist() == ["for", "against", "neither", "neither"]
