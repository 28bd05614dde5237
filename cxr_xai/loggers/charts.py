"""Charts of a finished run as a logger takes them."""

from typing import Literal, NamedTuple

Kind = Literal["roc", "pr", "reliability", "confusion"]
Row = tuple[str | float, ...]
"""A name, or two, and numbers."""


class Chart(NamedTuple):
    """A chart by its points.

    Attributes:
        kind: ``roc`` (finding, false and true positive rate), ``pr`` (finding, recall, precision), ``reliability``
            (finding, mean probability, share of positives) or ``confusion`` (actual, predicted, studies).
        title: above.
        rows: its points.
    """

    kind: Kind
    title: str
    rows: list[Row]
