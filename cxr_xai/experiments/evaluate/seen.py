"""What the weights that a run began with have seen of the scored films: refused if known, told if nobody knows."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cxr_xai.errors import UserError
from cxr_xai.experiments.weights import RUN, UNKNOWN
from cxr_xai.models.known_weights import find_seen


def require_unseen_films(weights: Mapping[str, Any], source: str, part: str, scheme: str) -> None:
    """Refuse to score films that the first weights were trained on.

    Args:
        weights: of the run's certificate.
        source: of the scored films.
        part: ``test``, ``val`` or ``all``.
        scheme: of the split that the part belongs to.

    Raises:
        UserError: these films, or others of their source that nobody tells from them, were among those.
    """
    if ("val" if part == "val" else "test") not in find_seen(weights["trained_on"], source, scheme):
        return
    listed = source not in weights["trained_on"]
    way_out = "part=test of split=official, whose list they have not seen, or " if listed else ""
    raise UserError(
        f"part={part}: the weights that the run began with ({weights['file']}) were trained on films of {source}, "
        f"those to be scored among them; score {way_out}films of another source."
    )


def find_unsure(trained_on: Sequence[str], source: str, checked: bool) -> list[str]:
    """Return the entries of ``trained_on`` that may stand for some of the scored films.

    Args:
        trained_on: sources and runs, as a certificate has them.
        source: of the scored films.
        checked: whether all of them are of the run's own val and test, whose patients no earlier run has trained on.

    >>> find_unsure(["imagenet", "run a (nih, split 12345678, 9 images)", "unknown"], "nih", checked=False)
    ['run a (nih, split 12345678, 9 images)', 'unknown']
    >>> find_unsure(["run a (nih, split 12345678, 9 images)"], "phantom", checked=False)
    []
    >>> find_unsure(["run a (rsna of nih, split 12345678, 9 images)"], "nih", checked=False)
    ['run a (rsna of nih, split 12345678, 9 images)']
    """
    return [
        entry
        for entry in trained_on
        if entry == UNKNOWN or (entry.startswith(RUN) and source in read_sources(entry) and not checked)
    ]


def read_sources(entry: str) -> tuple[str, ...]:
    """Return the source of a run's entry, and the one whose films these are where that is another.

    >>> read_sources("run a (rsna of nih, split 12345678, 9 images)"), read_sources("run b (nih, split 0, 9 images)")
    (('rsna', 'nih'), ('nih',))
    """
    found = re.search(r" \(([^()]*), split [^()]*\)$", entry)
    return () if found is None else tuple(found[1].split(" of "))
