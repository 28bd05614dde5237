"""What pointing, energy and mask IoU are judged by, in the words of every caption."""

from typing import Literal

Judge = Literal["boxes", "masks"]

MARKED = (
    "Pointing, energy and mask IoU are against marked pixels; the boxes, of IoU and of the prior, are drawn tight "
    "around them."
)
DRAWN = "All scores are against boxes: what is outside may be evidence, too."


def judged_by(masks: object | None) -> Judge:
    """Name the judge of a source that marks pixels, or does not.

    >>> judged_by(None)
    'boxes'
    """
    return "boxes" if masks is None else "masks"


def describe_judge(judge: str) -> str:
    """Return the sentence of a caption; what was written before it was told was judged by boxes."""
    return MARKED if judge == "masks" else DRAWN
