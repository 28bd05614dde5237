"""What may not be aggregated is refused, each for its own reason."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.splits.split import hash_division
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import name_arms
from cxr_xai.experiments.aggregate.cells import find_cells
from cxr_xai.experiments.aggregate.pool import Pool, read_pool
from cxr_xai.experiments.aggregate.refuse import (
    require_external_unseen,
    require_one_origin,
    require_planned_epochs,
    require_sound_folds,
    require_whole_design,
)
from cxr_xai.files import read_json, write_json


def read(runs: Path) -> Pool:
    """Go through every gate, as the script does."""
    found = find_cells(runs)
    cells = name_arms(found.cells)
    require_one_origin(cells)
    require_planned_epochs(cells, found.plan)
    design = require_whole_design(cells)
    return read_pool(design, require_sound_folds(design))


def run(runs: Path, arm: str = "focal", fold: int = 1) -> RunFolder:
    return RunFolder(next(runs.glob(f"*-{arm}-*-f{fold}-*")))


def edit(folder: RunFolder, *keys: str, to: object, file: str = "certificate") -> None:
    path = getattr(folder, file)
    whole = read_json(path)
    node = whole
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = to
    write_json(path, whole)


def rewrite_split(folder: RunFolder, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a division and make its hashes fit again: what a wrong program would leave."""
    head = folder.split.read_text().partition("\n")[0]
    table = change(pd.read_csv(folder.split, skiprows=1, dtype=str, keep_default_na=False))
    digest = hash_division(table, table["part"].to_numpy(str))
    folder.split.write_text(f"{head}\n{table.to_csv(index=False)}")
    edit(folder, "split", "sha256", to=digest)


def in_all_arms(runs: Path, fold: int, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    for arm in ("bce", "focal"):
        rewrite_split(run(runs, arm, fold), change)


def no_summary(runs: Path) -> None:
    run(runs).summary.unlink()


def no_predictions(runs: Path) -> None:
    run(runs).predictions.unlink()


def planned_and_not_begun(runs: Path) -> None:
    cells = [{"folder": "nih-resnet10-bce-none-kfold-f9-s0"}]
    write_json(runs / "sweep.json", {"schema_version": 1, "cells": cells})


def missing_fold(runs: Path) -> None:
    shutil.rmtree(run(runs).path)


def missing_seed(runs: Path) -> None:
    edit(run(runs), "seed", to=3)


def double(runs: Path) -> None:
    shutil.copytree(run(runs).path, runs / "again")


def other_code(runs: Path) -> None:
    edit(run(runs), "code", "sha256", to="d" * 64)


def other_data(runs: Path) -> None:
    edit(run(runs), "data", "sha256", to="d" * 64)


def other_epochs(runs: Path) -> None:
    edit(run(runs), "max_epochs", to=50, file="summary")


def fewer_epochs_than_planned(runs: Path) -> None:
    cells = [{"folder": str(path), "epochs": 3} for path in runs.iterdir()]
    write_json(runs / "sweep.json", {"schema_version": 1, "cells": cells})


def other_split(runs: Path) -> None:
    edit(run(runs), "protocol", "split", to="official", file="summary")


def other_labels(runs: Path) -> None:
    edit(run(runs), "protocol", "label_file", "sha256", to="d" * 64, file="summary")


def other_number_of_folds(runs: Path) -> None:
    edit(run(runs), "split", "about", "k", to=5)


def other_division(runs: Path) -> None:
    edit(run(runs), "split", "about", "folds_sha256", to="d" * 64)


def changed_split(runs: Path) -> None:
    run(runs).split.write_text(run(runs).split.read_text().replace(",test\n", ",val\n"))


def other_split_of_the_fold(runs: Path) -> None:
    def move(table: pd.DataFrame) -> pd.DataFrame:
        first = table.loc[table["part"] == "val", "patient_id"].iloc[0]
        return table.assign(part=table["part"].mask(table["patient_id"] == first, "train"))

    rewrite_split(run(runs), move)


def torn_patient(runs: Path) -> None:
    def tear(table: pd.DataFrame) -> pd.DataFrame:
        several = table[(table["part"] == "test") & table["patient_id"].duplicated()].index[0]
        table.loc[several, "part"] = "train"
        return table

    in_all_arms(runs, 1, tear)


def overlapping(runs: Path) -> None:
    borrowed = pd.read_csv(run(runs, fold=0).split, skiprows=1, dtype=str)
    patient = borrowed.loc[borrowed["part"] == "test", "patient_id"].iloc[0]
    in_all_arms(runs, 1, lambda t: t.assign(part=t["part"].mask(t["patient_id"] == patient, "test")))


def not_exhaustive(runs: Path) -> None:
    def shrink(table: pd.DataFrame) -> pd.DataFrame:
        patient = table.loc[table["part"] == "test", "patient_id"].iloc[0]
        return table.assign(part=table["part"].mask(table["patient_id"] == patient, "train"))

    in_all_arms(runs, 1, shrink)


def copied_fold(runs: Path) -> None:
    """A folder under another fold's name: certificate and configuration say 1, everything else is of fold 0."""
    for arm in ("bce", "focal"):
        one, other = run(runs, arm, 0), run(runs, arm, 1)
        for file in ("split", "predictions"):
            shutil.copy(getattr(one, file), getattr(other, file))
        edit(other, "split", "sha256", to=read_json(one.certificate)["split"]["sha256"])


def copied_seed(runs: Path) -> None:
    for folder in list(runs.iterdir()):
        copy = RunFolder(shutil.copytree(folder, folder.with_name(folder.name.replace("-s0", "-s1"))))
        edit(copy, "seed", to=1)


def predicted_other_studies(runs: Path) -> None:
    table = pd.read_parquet(run(runs).predictions)
    table["part"] = table["part"].replace({"val": "test", "test": "val"})
    table.to_parquet(run(runs).predictions)


def fewer_studies(runs: Path) -> None:
    table = pd.read_parquet(run(runs).predictions)
    gone = table.loc[table["part"] == "test", "image_id"].iloc[0]
    table[table["image_id"] != gone].to_parquet(run(runs).predictions)


def fewer_studies_in_all_arms(runs: Path) -> None:
    for arm in ("bce", "focal"):
        table = pd.read_parquet(run(runs, arm).predictions)
        images = np.unique(table.loc[table["part"] == "test", "image_id"])
        table[~table["image_id"].isin(images[::2])].to_parquet(run(runs, arm).predictions)


def doubled_study(runs: Path) -> None:
    table = pd.read_parquet(run(runs).predictions)
    pd.concat([table, table[table["part"] == "test"].head(14)]).to_parquet(run(runs).predictions)


def other_targets(runs: Path) -> None:
    table = pd.read_parquet(run(runs).predictions)
    table.assign(target=1 - table["target"]).to_parquet(run(runs).predictions)


def two_settings_in_one_arm(runs: Path) -> None:
    for folder in map(RunFolder, runs.iterdir()):
        settings = yaml.safe_load(folder.config.read_text())
        settings |= {"arm": settings["loss"]["_target_"], "optimizer": {"lr": 0.1 if "f1" in folder.path.name else 0.2}}
        folder.config.write_text(yaml.safe_dump(settings))


SPOILT = [
    (no_summary, r"1 of 6 cells of .* are incomplete: nih-resnet10-focal-none-kfold-f1-s0 \(no summary\.json\)"),
    (no_predictions, r"kfold-f1-s0 \(no predictions\.parquet\); run their command again"),
    (planned_and_not_begun, r"1 of 7 cells .*: nih-resnet10-bce-none-kfold-f9-s0 \(not begun\)"),
    (missing_fold, r"arm focal, seed 0 lacks fold 1"),
    (missing_seed, r"arm bce, seed 3 lacks fold 0, 1, 2, which other runs have"),
    (double, r"arm focal, seed 0, fold 1 is there twice: again, nih-resnet10-focal-none-kfold-f1-s0"),
    (other_code, r"f0-s0 and nih-resnet10-focal-none-kfold-f1-s0 were made with different code \(cccccccc, dddddddd\)"),
    (other_data, r"made with different data \(aaaaaaaa, dddddddd\)"),
    (other_epochs, r"were made with different numbers of epochs \(max_epochs\) \(2, 50\)"),
    (fewer_epochs_than_planned, r"bce-none-kfold-f0-s0 has 2 epochs, and the sweep plans 3; run the sweep again"),
    (other_split, r"focal-none-kfold-f1-s0 have different protocols: split is kfold in one and official"),
    (other_labels, r"have different protocols: label_file\.sha256 is bbbbbbbb in one and dddddddd"),
    (other_number_of_folds, r"different number of folds \(3, 5\)"),
    (other_division, r"different division into folds"),
    (changed_split, r"split\.csv is not the split that the run's certificate names"),
    (other_split_of_the_fold, r"bce-none-kfold-f1-s0 and nih-resnet10-focal-none-kfold-f1-s0 test other studies"),
    (torn_patient, r"kfold-f1-s0 leaks: 1 patients are in two parts, the first is \d+ \(test and train\)"),
    (overlapping, r"folds 0 and 1 overlap: patient \d+ tests in both"),
    (not_exhaustive, r"the folds are not exhaustive: \d+ images"),
    (copied_fold, r"folds 0 and 1 overlap: .* a copied folder\?"),
    (copied_seed, r"f0-s0 and .*f0-s1 have equal predictions, though fold or seed differ; a copied folder\?"),
    (predicted_other_studies, r"focal-none-kfold-f1-s0 predicted .*, which its split does not test"),
    (fewer_studies, r"test the same fold and predicted other studies \(1, the first is"),
    (fewer_studies_in_all_arms, r"bce-none-kfold-f1-s0 predicted \d+ of \d+ studies of test; run it again"),
    (doubled_study, r"does not hold each study once with every finding"),
    (other_targets, r"were scored against different labels of the same studies"),
    (two_settings_in_one_arm, r"arm bce is two: optimizer\.lr is 0\.2 in .*f0-s0 and 0\.1 in .*f1-s0"),
]  # fmt: skip


def test_a_sound_sweep_is_read(sound: Path) -> None:
    pool = read(sound)
    assert list(pool.scores) == ["bce", "focal"]
    assert pool.folds == [0, 1, 2]


@pytest.mark.parametrize(("spoil", "message"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_refused(copy: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(copy)
    with pytest.raises(UserError, match=message):
        read(copy)


@pytest.mark.parametrize("file", ["certificate", "summary", "predictions"])
def test_a_file_that_was_cut_short_is_named(copy: Path, file: str) -> None:
    path: Path = getattr(run(copy), file)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=rf"{path.name} is damaged \("):
        read(copy)


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_no_runs(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no such folder" if place == "nowhere" else "holds no run folder"):
        find_cells(tmp_path / place)


def test_folders_moved_aside_are_ignored_and_said(copy: Path) -> None:
    path = run(copy).path
    shutil.copytree(path, path.with_name(f"{path.name}~1"))
    assert find_cells(copy).ignored == [f"{path.name}~1"]
    assert len(find_cells(copy).cells) == 6


def test_arms_that_predict_alike_are_welcome(copy: Path) -> None:
    """Another explainer changes maps, not predictions."""
    for fold in range(3):
        shutil.copy(run(copy, "bce", fold).predictions, run(copy, "focal", fold).predictions)
    pool = read(copy)
    np.testing.assert_array_equal(pool.scores["bce"]["prob"][0], pool.scores["focal"]["prob"][0])


def test_held_out_patients_that_a_fold_has_seen_are_refused() -> None:
    def division(fold: int) -> pd.DataFrame:
        parts = ["test", "train", "external"] if fold == 0 else ["train", "test", "external"]
        return pd.DataFrame({"image_id": list("abc"), "patient_id": list("123"), "part": parts})

    require_external_unseen({0: division(0), 1: division(1)})
    leaking = division(1).replace({"part": {"external": "val"}})
    with pytest.raises(UserError, match="the ensemble leaks: patient 3 is held out, and fold 1 used them"):
        require_external_unseen({0: division(0), 1: leaking})
    with pytest.raises(UserError, match=r"no ensemble .* every study was trained on by some fold"):
        require_external_unseen({0: division(0).query("part != 'external'")})
    with pytest.raises(UserError, match="these runs have no folds"):
        require_external_unseen({None: division(0)})
