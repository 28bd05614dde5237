"""What a lesion is drawn on (`Scene`) and what it does to the film (`Change`)."""

from dataclasses import dataclass

import numpy as np

from cxr_xai.data.phantom.canvas import Canvas, Field
from cxr_xai.data.phantom.lungs import Lungs, LungShape

VISIBLE = 0.02
"""Optical thickness below which a change is not seen: softer halos are cut here, and masks end here."""


@dataclass(frozen=True)
class Scene:
    """The canvas, lungs and heart that lesions are placed on: the study's own, whatever is left out of a rendering."""

    canvas: Canvas
    lungs: Lungs
    heart: Field

    @property
    def shape(self) -> LungShape:
        """Outlines of the lungs."""
        return self.lungs.shape

    def air(self, side: int) -> Field:
        """Where one lung has air to be replaced: little of it in front of and behind the heart."""
        return self.lungs[side] * (1 - np.float32(0.7) * self.heart)

    def blank(self) -> Field:
        """A field of zeros."""
        return np.zeros((self.canvas.size,) * 2, np.float32)


@dataclass(frozen=True)
class Change:
    """What one lesion adds to the film.

    Attributes:
        add: optical thickness added (negative: air).
        fade: share of the lung markings that it hides, 0-1; None hides nothing.
    """

    add: Field
    fade: Field | None = None


def trim(field: Field) -> Field:
    """Cut a soft halo: what is below `VISIBLE` becomes exactly 0, without leaving a step."""
    return np.asarray(np.sign(field) * np.maximum(np.abs(field) - np.float32(VISIBLE), 0), np.float32)
