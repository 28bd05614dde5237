"""What a phantom folder is made from (`PhantomSpec`), and one radiograph before any pixel (`PhantomStudy`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cxr_xai.errors import UserError

Prevalence = Literal["nih", "enriched"]
View = Literal["PA", "AP"]
Part = Literal["train_val", "test"]

FIRST_TEST_PATIENT = 20_001
"""Test patients are numbered from here, so that adding patients to either list renames none."""

SHORTCUTS: tuple[str, ...] = ("marker", "drain", "brightness")
"""The planted shortcuts; the names that `render(..., without=...)` and the masks use."""

TIED: Mapping[str, str] = {"marker": "Pneumonia", "drain": "Pneumothorax"}
"""The finding that a shortcut speaks for, by as much as ``shortcut_strength``; brightness is tied to the view."""


@dataclass(frozen=True)
class PhantomSpec:
    """Everything that decides the bytes of a phantom folder.

    Args:
        seed: of all randomness; patient ``p`` and image ``i`` draw from ``[seed, p, i]`` only.
        train_val_patients: patients in ``train_val_list.txt`` (about 2.2 images each).
        test_patients: patients in ``test_list.txt``, the only ones with boxes.
        image_size: side of the stored square images in pixels, at least 64.
        prevalence: ``nih`` as in the release; ``enriched`` has enough of every finding in a small folder.
        shortcut_strength: 0 plants the shortcuts independently of the labels, 1 ties them almost fully.
        boxed_fraction: share of the test positives of the eight boxed findings with a box (the release has gaps).

    Raises:
        UserError: a value is out of its range.
    """

    seed: int = 0
    train_val_patients: int = 1010
    test_patients: int = 330
    image_size: int = 256
    prevalence: Prevalence = "enriched"
    shortcut_strength: float = 0.0
    boxed_fraction: float = 0.85

    def __post_init__(self) -> None:
        most = FIRST_TEST_PATIENT - 1
        rules = {
            "seed": (self.seed >= 0, "0 or more"),
            "train_val_patients": (1 <= self.train_val_patients <= most, f"from 1 to {most}"),
            "test_patients": (1 <= self.test_patients <= most, f"from 1 to {most}"),
            "image_size": (64 <= self.image_size <= 4096, "from 64 to 4096"),
            "prevalence": (self.prevalence in ("nih", "enriched"), "nih or enriched"),
            "shortcut_strength": (0.0 <= self.shortcut_strength <= 1.0, "from 0 to 1"),
            "boxed_fraction": (0.0 <= self.boxed_fraction <= 1.0, "from 0 to 1"),
        }
        for name, (holds, allowed) in rules.items():
            if not holds:
                raise UserError(f"phantom {name} is {getattr(self, name)!r}; give a value {allowed}")


@dataclass(frozen=True)
class Body:
    """A patient's build; the same in all of their films. Lengths are relative to an average chest.

    Attributes:
        scale: size of the thorax in the image.
        width: of the thorax, relative to its height.
        habitus: 0 thin to 1 obese: wider soft tissue, whiter film, higher diaphragm.
        female: breast shadows and a slightly smaller chest.
        heart: transverse size of the healthy heart.
        dome: height of the diaphragm's domes.
        shoulders: slope of clavicles and shoulders.
        seed: of the small print: rib and vessel courses, gas, parenchyma.
    """

    scale: float
    width: float
    habitus: float
    female: bool
    heart: float
    dome: float
    shoulders: float
    seed: int


@dataclass(frozen=True)
class Film:
    """How one exposure was taken: `shift` in image sides, `tilt` in degrees, `turn` the patient's rotation (-1 to 1),
    `inspiration` moves the diaphragm, `exposure` and `gamma` shape the gray curve, `noise` is the grain in gray levels,
    `arms_down` lays the arms along the chest."""

    shift: tuple[float, float]
    tilt: float
    turn: float
    inspiration: float
    exposure: float
    gamma: float
    noise: float
    arms_down: bool
    seed: int


@dataclass(frozen=True)
class Lesion:
    """One finding as drawn: where it is, how big and how plain to see.

    Attributes:
        side: -1 the patient's right (left in the image), +1 the patient's left.
        both: on both sides.
        severity: 0 barely visible to 1 unmistakable.
        a: place from the mediastinum (0) to the chest wall (1).
        b: place from the apex (0) to the diaphragm (1).
        seed: of its outline and texture.
    """

    side: int
    both: bool
    severity: float
    a: float
    b: float
    seed: int


@dataclass(frozen=True)
class PhantomStudy:
    """One radiograph, fully drawn by lot and not yet rendered.

    Attributes:
        lesions: one for each finding present, keyed by the finding; its keys are the labels.
        boxed: the findings that get a row in the box list (test studies only).
        brightness: planted shift of the whole film in gray levels.
        rgba: stored with four channels, as 1-2 % of the release is.
    """

    patient: int
    image: int
    part: Part
    follow_up: int
    age: int
    sex: Literal["M", "F"]
    view: View
    original: tuple[int, int, float]
    body: Body
    film: Film
    lesions: Mapping[str, Lesion]
    boxed: tuple[str, ...]
    marker: bool
    drain: bool
    brightness: float
    rgba: bool

    @property
    def image_id(self) -> str:
        """File name of the image, the ``Image Index`` of the tables."""
        return f"{self.patient:08d}_{self.image:03d}.png"

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings present, in the order of `cxr_xai.findings.FINDINGS`."""
        return tuple(self.lesions)
