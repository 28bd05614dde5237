"""What checks look at, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_xai.errors import UserError

if TYPE_CHECKING:
    from cxr_xai.data.datamodule import ChestXrayDataModule
    from cxr_xai.models.classifier import Classifier

Settings = Mapping[str, Any]


class Outcome(Enum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    BROKEN = "broken"


@dataclass(frozen=True)
class Answer:
    """One line.

    Attributes:
        outcome: ``ok``, ``warn`` (a run may start) or ``broken`` (it would fail).
        found: what was looked at, and found.
        todo: what mends it; empty where nothing need be done.
    """

    outcome: Outcome
    found: str
    todo: str = ""


def ok(found: str) -> Answer:
    """Nothing need be done."""
    return Answer(Outcome.OK, found)


def warn(found: str, todo: str) -> Answer:
    """A run may start, but somebody should know."""
    return Answer(Outcome.WARN, found, todo)


def broken(found: str, todo: str) -> Answer:
    """A run would fail."""
    return Answer(Outcome.BROKEN, found, todo)


@dataclass
class Case:
    """A composed run and where it would be started; what several checks need is made once.

    Attributes:
        settings: resolved.
        choices: the chosen member of each group.
        launcher: name of ``hydra/launcher``.
        launching: its settings.
    """

    settings: Settings
    choices: Mapping[str, str]
    launcher: str = "processes"
    launching: Settings = field(default_factory=dict)

    @property
    def outputs(self) -> Path:
        """The folder of the run's sweep."""
        return Path(self.settings["paths"]["outputs"], self.settings["name"])

    @property
    def image_size(self) -> int:
        """Side of the films that the network sees."""
        return int(self.settings["datamodule"]["image_size"])

    @cached_property
    def datamodule(self) -> "ChestXrayDataModule":
        """Source and split; nothing is decoded, drawn or written."""
        from cxr_xai.experiments.build import build

        context = {"split": build(self.settings["split"], "split")}
        made: ChestXrayDataModule = build(self.settings["datamodule"], "datamodule", context)
        if not made.root.is_dir():
            raise UserError(f"datamodule.root={made.root} is no folder; name the one with the label file and films.")
        return made

    @cached_property
    def model(self) -> "Classifier":
        """The network as it would be built, with weights drawn at random: other checks do not wait for a file."""
        from cxr_xai.experiments.build import build

        made: Classifier = build({**self.settings["model"], "weights": "none"}, "model")
        return made
