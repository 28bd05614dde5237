"""What README and the other pages say exists, exists."""

import re
import shlex
from pathlib import Path

import pytest

from cxr_xai.experiments.command import compose

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / ".github").glob("*.md")), ROOT / "outputs" / "README.md"]
TEXT = "\n".join(page.read_text().replace("\\\n", " ") for page in PAGES)  # a command may go on in the next line
COMMANDS = sorted(set(re.findall(r"^python (scripts/\w+\.py[^#\n]*)", TEXT, flags=re.MULTILINE)))
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_compose(command: str) -> None:
    script, *overrides = shlex.split(command)
    assert (ROOT / script).is_file()
    compose(
        Path(script).stem, [word for word in overrides if not word.startswith("-") and word != "job"] + NEEDED[script]
    )


NEEDED = {
    "scripts/train.py": ["datamodule.root=somewhere"],
    "scripts/doctor.py": ["datamodule.root=somewhere"],
    "scripts/evaluate.py": [],
    "scripts/explain.py": [],
    "scripts/export.py": [],
    "scripts/predict.py": [],
    "scripts/prepare.py": [],
    "scripts/report.py": [],
    "scripts/verify.py": [],
    "scripts/regions.py": [],
    "scripts/statements.py": [],
    "scripts/subgroups.py": [],
    "scripts/sanity.py": [],
    "scripts/sweep_status.py": [],
    "scripts/aggregate.py": [],
    "scripts/benchmark.py": [],
    "scripts/controls.py": [],
    "scripts/score.py": [],
    "scripts/drains.py": [],
    "scripts/shards.py": [],
    "scripts/leaderboard.py": [],
    "scripts/dashboard.py": [],
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_chores_exist(page: Path) -> None:
    for names in re.findall(r"`make ([a-z -]+)`", page.read_text()):
        assert set(names.split()) <= TARGETS
    assert set(re.findall(r"^make ([a-z-]+)", page.read_text(), flags=re.MULTILINE)) <= TARGETS


def test_the_tree_is_the_tree() -> None:
    block = README.split("## The tree")[1].split("```")[1]
    inside = ""
    for line in block.strip().splitlines():
        indent = "" if not line.startswith(" ") else inside
        inside = line.split()[0] if not line.startswith(" ") else inside
        names = re.findall(r"(?<![\w/↔.])([\w]+(?:/|\.py))(?=\s|$)", line.split("  ")[0] if not indent else line)
        for name in names:
            assert (ROOT / indent / name).exists(), f"{indent}{name}"


def test_every_script_and_group_is_named() -> None:
    for script in (ROOT / "scripts").glob("*.py"):
        assert script.name in README
    table = README.split("## Choices that compose")[1].split("## ")[0]
    for group in (ROOT / "conf").iterdir():
        if group.name == "hydra":
            assert "`hydra/launcher`" in table
        elif group.is_dir() and group.name not in ("callbacks", "debug", "recipe"):
            assert f"`{group.name}`" in table, group.name
            for member in group.glob("*.yaml"):
                assert f"`{member.stem}`" in table, f"{group.name}={member.stem}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_notices() -> None:
    assert "For research, not for clinical use" in README
    assert "NIH Clinical Center" in README


def test_no_paths_of_a_machine_and_no_registry_hosts() -> None:
    hosts = re.compile("py" + r"pi\.org|python" + r"hosted|registry\.npm|deb\.debian")
    for path in ROOT.rglob("*"):
        tracked = not {".venv", ".git", "data", "wandb", "__pycache__"} & set(
            path.relative_to(ROOT).parts[:1] + path.parts
        )
        if tracked and path.suffix in {".py", ".md", ".yaml", ".toml", ".txt", ".cff", ".lock"} and path.is_file():
            if path.is_relative_to(ROOT / "outputs") and path.name != "README.md":
                continue
            text = path.read_text()
            assert not hosts.search(text), path
