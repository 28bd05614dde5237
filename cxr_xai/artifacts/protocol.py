"""The protocol card: what every number must carry, and the refusal to put unlike numbers into one table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from cxr_xai.errors import UserError

MEAN = "macro over the defined findings"
"""Every finding counts the same; one without positives or without negatives is left out; how many are in is said."""

ALL_FILMS = "all films"
"""In place of a scheme: nothing was divided."""

CROSS_FITTED = "cross-fitted"
"""Among the uses of boxes: no headline and nothing of the network rests on it."""

FOLDS = ("split_about.fold", "split_sha256", "test_images", "test_missing", "mean_over")
"""In what the folds of one division may differ: which fold tests, and what follows from that."""


@dataclass(frozen=True)
class NamedFile:
    """A file by name and SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class ProtocolCard:
    """What a number means: two numbers may stand in one table where their cards are equal.

    Attributes:
        source: ``nih``, ``phantom`` …
        about: how the source was made, where it was made.
        data_sha256: over the label files and the films in use.
        split: the scheme.
        split_about: how it was drawn: ``seed``, ``k``, ``fold``, ``pool`` …
        split_sha256: over (image, part).
        images: in the parts of the split, by the label file.
        missing: of these, how many have no film file.
        test_images: in the test part, by the label file.
        test_missing: of these, how many have no film in use: no file, or in quarantine.
        label_file: the edition of the labels.
        findings: over which tables and means are taken.
        mean: the rule of the mean.
        mean_over: how many findings of test are defined.
        box_list: None where there is none.
        box_rule: from a map to the box that is scored: ``threshold``, ``rule``, ``resize``, ``normalization``.
        threshold_source: the rule of thresholds and the part it was applied to.
        calibration: the method and the part it was fitted on, or ``none``.
        uses_of_boxes: ``none``, or of ``monitored``, ``trained on (…)`` and ``selected by (…)`` those that apply; with
            ``, cross-fitted`` where a threshold beside the headline's was chosen on other patients' boxes.
        tta: the views whose logits were averaged, ``none`` for the plain film, as in results that do not say.
        labels: whose, where a source has more than one kind; empty for its own, as in results that do not say.
    """

    source: str
    about: Mapping[str, str | int | float]
    data_sha256: str
    split: str
    split_about: Mapping[str, str | int | float]
    split_sha256: str
    images: int
    missing: int
    test_images: int
    test_missing: int
    label_file: NamedFile
    findings: tuple[str, ...]
    mean: str
    mean_over: int
    box_list: NamedFile | None
    box_rule: Mapping[str, str | float]
    threshold_source: str
    calibration: str
    uses_of_boxes: str
    tta: str = "none"
    labels: str = ""

    @property
    def complete(self) -> bool:
        """Whether every image of the split has a film, and every one of the test part is in use."""
        return self.missing == 0 == self.test_missing

    @property
    def label(self) -> str:
        """A few words for the title of a table: source, split, fold, and whether test is partial."""
        drawn = [f"{key}={self.split_about[key]}" for key in ("k", "fold", "pool") if key in self.split_about]
        scheme = self.split if self.split == ALL_FILMS else f"split {self.split}"
        words = f"{self.source}, {scheme}" + (f" ({', '.join(drawn)})" if drawn else "")
        if self.complete:
            return words
        what, missing, images = ("test ", self.test_missing, self.test_images)
        if not missing:  # the gaps are elsewhere
            what, missing, images = "", self.missing, self.images
        return f"{words}, partial: {images - missing:,} of {images:,} {what}images"

    @property
    def words(self) -> tuple[str, ...]:
        """The rest of the card, a fact each, for captions and for tables that leave the page."""
        rule = self.box_rule
        region = f"region ≥ {rule['threshold']:g} of the maximum, box around {rule['rule']}, resized {rule['resize']}"
        boxes = "no boxes" if self.box_list is None else f"boxes {_name(self.box_list)}, {self.uses_of_boxes}; {region}"
        return (
            ", ".join(filter(None, (f"labels {_name(self.label_file)}", self.labels, *self.label_rules))),
            f"mean {self.mean}, {self.mean_over} of {len(self.findings)}",
            f"thresholds from {self.threshold_source}",
            f"calibration {self.calibration}",
            *([] if self.tta == "none" else [f"predicted from the {self.tta}"]),
            boxes,
        )

    @property
    def label_rules(self) -> tuple[str, ...]:
        """Whose labels of another source these are and by which rules they became ours; empty for our own."""
        if "crosswalk" not in self.about:
            return ()
        rules = (f"{key} {value}" for key, value in self.about.items() if key not in ("labels", "crosswalk"))
        return (str(self.about.get("labels", "")), *rules, f"crosswalk {self.about['crosswalk']}")

    def as_dict(self) -> dict[str, Any]:
        """Return plain types for ``summary.json``; ``label`` is among them."""
        return {**asdict(self), "label": self.label}


def _name(file: NamedFile) -> str:
    return f"{file.name} ({file.sha256[:8]})"


def read_card(protocol: Mapping[str, Any]) -> ProtocolCard:
    """Read what ``as_dict`` gave.

    Raises:
        UserError: a field is absent, as in results of versions before the card.
    """
    protocol = {"tta": "none", "labels": "", **protocol}
    names = [field.name for field in fields(ProtocolCard)]
    if absent := [name for name in names if name not in protocol]:
        raise UserError(f"the protocol of these results lacks {absent[0]}; run their training command again.")
    values = {name: protocol[name] for name in names}
    values["label_file"] = NamedFile(**values["label_file"])
    values["box_list"] = None if values["box_list"] is None else NamedFile(**values["box_list"])
    return ProtocolCard(**values | {"findings": tuple(values["findings"])})


def flatten_card(card: ProtocolCard) -> dict[str, Any]:
    """Return every field under its dotted name: ``label_file.sha256``, ``split_about.fold``."""
    return dict(_walk(asdict(card), ""))


def _walk(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _walk(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def difference(one: ProtocolCard, other: ProtocolCard, but: Sequence[str] = ()) -> tuple[str, Any, Any] | None:
    """Return the first field in which two cards differ, and both values; None where they agree.

    Args:
        one: a card.
        other: another.
        but: fields that may differ; ``split_about`` covers all below it, ``split_about.fold`` that alone.
    """
    a, b = flatten_card(one), flatten_card(other)
    for key in dict.fromkeys([*a, *b]):
        allowed = any(key == name or key.startswith(f"{name}.") for name in but)
        if not allowed and a.get(key) != b.get(key):
            return key, a.get(key), b.get(key)
    return None


def require_same_protocol(cards: Mapping[str, ProtocolCard], but: Sequence[str] = ()) -> None:
    """Refuse to mix numbers of different protocols.

    Args:
        cards: by the name of the run.
        but: fields that may differ: ``FOLDS`` for the folds of one division, ``("uses_of_boxes",)`` between arms with
            and without guidance.

    Raises:
        UserError: names the field, both runs and both values.
    """
    names = list(cards)
    for name in names[1:]:
        if found := difference(cards[names[0]], cards[name], but):
            key, a, b = found
            raise UserError(
                f"{names[0]} and {name} have different protocols: {key} is {_say(a)} in one and {_say(b)} in the "
                "other; one table holds one protocol."
            )


def _say(value: Any) -> str:
    if isinstance(value, str) and len(value) == 64:  # a hash
        return value[:8]
    return "absent" if value is None else str(value)
