"""Every recipe composes with every source, fits together, builds, and names the number that it stands beside."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.assemble import assemble, build_datamodule
from cxr_xai.experiments.check import check_choices
from cxr_xai.experiments.command import compose
from cxr_xai.report.published import published_means

CONF = Path(__file__).parents[2] / "conf"
RECIPES = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
SMALL = (
    "datamodule=phantom",
    "datamodule.reader.train_val_patients=30",
    "datamodule.reader.test_patients=60",  # so that val has boxes, and a half of them can be set aside
    "datamodule.reader.film_size=64",
    "datamodule.image_size=64",
    "trainer=cpu",
    "model.weights=none",
)
FIXED = {"balancing", "datamodule", "loss", "model", "optimizer", "scheduler", "split", "transform"}
"""What a recipe must choose itself, so that no source's own recipe chooses in its place."""


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def overridden(recipe: str) -> dict[str, str]:
    """Return the members that a recipe chooses, those of the recipe that it extends among them."""
    found: dict[str, str] = {}
    for entry in yaml.safe_load((CONF / "experiment" / f"{recipe}.yaml").read_text())["defaults"]:
        if isinstance(entry, dict):
            found |= {key.removeprefix("override /"): member for key, member in entry.items()}
        elif entry != "_self_":
            found = overridden(entry) | found
    return found


def head(recipe: str) -> str:
    """Return the comment above the defaults as one line."""
    text = (CONF / "experiment" / f"{recipe}.yaml").read_text().partition("defaults:")[0]
    return " ".join(line.lstrip("# ") for line in text.splitlines()[1:])


def test_a_recipe_means_the_same_on_every_source(recipe: str) -> None:
    """The phantom brings a recipe of its own; beside another it brings reader and folder alone."""
    nih, _ = compose("train", [f"experiment={recipe}", "datamodule.root=somewhere"])
    phantom, choices = compose("train", ["datamodule=phantom", f"experiment={recipe}"])
    for settings in (nih, phantom):
        for key in ("root", "reader"):
            del settings["datamodule"][key]
    assert nih == phantom
    assert choices["datamodule"] == "phantom"
    assert overridden(recipe).keys() >= FIXED
    assert nih["name"] == recipe


def test_a_word_on_the_command_line_is_the_last_word(recipe: str) -> None:
    words = [f"experiment={recipe}", "datamodule=phantom", "transform=none", "optimizer.lr=0.5", "model=resnet10"]
    settings, choices = compose("train", words)
    assert (choices["transform"], choices["model"], settings["optimizer"]["lr"]) == ("none", "resnet10", 0.5)


def test_every_recipe_is_checked_and_built(recipe: str, tmp_path: Path) -> None:
    settings, choices = compose("train", [f"experiment={recipe}", *SMALL, f"paths.data={tmp_path / 'data'}"])
    check_choices(settings, choices)
    data = build_datamodule(settings)
    parts = assemble(settings, choices, RunFolder(tmp_path / "run"), data, "run")
    batch = next(iter(data.train_dataloader()))
    logits = parts.module(data.plain(batch, 0).image)
    assert logits.shape == (len(batch.index), 14)
    assert parts.module.loss(logits, batch.target).isfinite()


def test_every_recipe_names_its_protocol_and_its_reference() -> None:
    """What it calls a reference is a published number of that very protocol."""
    expected: dict[str, Any] = {"baseline_224": ("official", 0.820), "chexnet": ("random", 0.841)}
    for recipe in RECIPES:
        words = head(recipe)
        assert "Protocol:" in words, recipe
        assert "Reference:" in words, recipe
        stated = re.search(r"Reference: (?:mean AUROC )?(\.\d{3})\b(?!–)", words)
        if recipe not in expected:
            assert stated is None, f"{recipe}: tell this test where the number comes from"
            continue
        protocol, value = expected[recipe]
        assert stated is not None
        assert float(stated[1]) == value
        assert value in published_means(protocol)["value"].to_list()
        assert ("official split" in words) == (protocol == "official") or "never beside official" in words


def test_only_the_official_split_may_stand_beside_the_literature() -> None:
    for recipe in RECIPES:
        assert overridden(recipe)["split"] == "official" or "never beside" in head(recipe), recipe


def test_the_flip_that_moves_the_heart_is_marked() -> None:
    for recipe in RECIPES:
        text = (CONF / "experiment" / f"{recipe}.yaml").read_text()
        assert ("horizontal_flip: true" in text) == ("MOVES THE HEART" in text), recipe
