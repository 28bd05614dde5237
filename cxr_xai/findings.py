"""The 14 findings of NIH ChestX-ray14, the eight with radiologists' boxes, and the spellings found in files.

Source: Wang et al., ChestX-ray8, CVPR 2017 (https://arxiv.org/abs/1705.02315).
"""

from collections.abc import Iterable

FINDINGS: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
"""The labels in the order of every target, logit and map: column ``k`` is ``FINDINGS[k]``."""

BOXED: tuple[str, ...] = FINDINGS[:8]
"""The findings for which the release has boxes; other sources have some for others (`boxed_among`)."""

NO_FINDING = "No Finding"
"""Said when none of the 14 was mined from the report; it does not mean a healthy film."""

ALIASES: dict[str, str] = {"Infiltrate": "Infiltration"}
"""Spellings of the published files that differ from the label file (``BBox_List_2017.csv`` says ``Infiltrate``)."""

INDEX: dict[str, int] = {name: k for k, name in enumerate(FINDINGS)}


def boxed_among(names: Iterable[str]) -> tuple[str, ...]:
    """Return the findings that tables of boxes list: the release's eight, and whichever others are named.

    >>> boxed_among(["Mass", "Edema"]) == (*BOXED, "Edema")
    True
    """
    named = set(names)
    return tuple(name for name in FINDINGS if name in BOXED or name in named)


def canonical(name: str) -> str:
    """Return the label-file spelling of a finding; an unknown name comes back stripped but otherwise unchanged.

    >>> canonical(" Infiltrate ")
    'Infiltration'
    """
    name = name.strip()
    return ALIASES.get(name, name)
