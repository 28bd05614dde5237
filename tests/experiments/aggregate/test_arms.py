"""Which runs belong together, and what they are called."""

from types import SimpleNamespace
from typing import Any

import pytest

from cxr_xai.experiments.aggregate.arms import by_arm, name_arms
from cxr_xai.experiments.aggregate.cells import Cell


def cell(name: str, loss: str = "bce", lr: float = 0.1, seed: int = 0, fold: int | None = 0, arm: str = "") -> Cell:
    settings = {"seed": seed, "split": {"fold": fold}, "loss": {"_target_": loss}, "optimizer": {"lr": lr}}
    settings |= {"paths": {"data": name}, "arm": arm or None}
    folder: Any = SimpleNamespace(path=SimpleNamespace(name=name))
    return Cell(folder, arm, seed, fold, settings, {"model": "resnet10", "loss": loss, "optimizer": "adam"}, {}, {})


def names(*cells: Cell) -> list[str]:
    return [named.arm for named in name_arms(cells)]


def test_seeds_folds_and_places_make_no_arms() -> None:
    assert names(cell("a"), cell("b", fold=1), cell("c", seed=4)) == ["resnet10"] * 3


def test_a_seed_that_follows_the_runs_makes_no_arm_and_one_of_its_own_does() -> None:
    cells = [cell(name, seed=seed) for name, seed in (("a", 0), ("b", 1))]
    for one in cells:
        one.settings["transform"] = {"seed": one.seed}  # type: ignore[index]
        one.settings["split"] = {"seed": 0}  # type: ignore[index]
    assert names(*cells) == ["resnet10"] * 2
    cells[1].settings["split"] = {"seed": 7}  # type: ignore[index]
    assert names(*cells) == ["split.seed=0", "split.seed=7"]


def test_one_group_that_differs_gives_its_members_name() -> None:
    assert names(cell("a"), cell("b", loss="focal")) == ["bce", "focal"]


def test_keys_and_several_groups_are_spelt_out() -> None:
    assert names(cell("a"), cell("b", lr=0.2)) == ["optimizer.lr=0.1", "optimizer.lr=0.2"]
    assert names(cell("a"), cell("b", loss="focal", lr=0.2))[1] == "loss=focal optimizer.lr=0.2"


def test_a_name_in_the_configuration_is_kept() -> None:
    assert names(cell("a", arm="plain"), cell("b", loss="focal", arm="better")) == ["plain", "better"]


def test_cells_stand_by_arm_seed_and_fold() -> None:
    cells = [cell("a", arm="x", fold=1), cell("b", arm="x", fold=0), cell("c", arm="w", seed=2)]
    design = by_arm(cells)
    assert list(design) == ["w", "x"]
    assert [c.name for c in design["x"][0]] == ["b", "a"]


@pytest.mark.parametrize("key", ["loss", "lr"])
def test_one_arm_is_one_setting(key: str) -> None:
    other = {"loss": "focal"} if key == "loss" else {"lr": 0.3}
    with pytest.raises(Exception, match=r"arm x is two: .* in a and .* in b"):
        name_arms([cell("a", arm="x"), cell("b", arm="x", fold=1, **other)])  # type: ignore[arg-type]
