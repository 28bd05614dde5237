"""The audit of a copy: one row per film, one row per pair of films that are the same."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.audit.duplicates import find_copies, find_near
from cxr_xai.data.audit.polarity import find_inverted
from cxr_xai.data.audit.thumbnails import make_thumbnails
from cxr_xai.data.films.files import Films, Progress


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        films: one row per film file: ``image_id, patient_id, part``, the columns of ``FilmFacts``, ``reason`` (why
            it is in quarantine, or empty) and ``notes`` (what is odd about a film that is used all the same).
        pairs: one row per pair: ``first, second`` (image ids), ``kind`` (``same file``, ``same pixels``, ``near``),
            ``bits`` that differ, ``correlation``, ``patients`` and ``parts`` (``same`` or ``different``).
    """

    films: pd.DataFrame
    pairs: pd.DataFrame


def audit_films(
    films: Films, facts: pd.DataFrame, owners: pd.DataFrame, reasons: pd.Series, progress: Progress | None = None
) -> Audit:
    """Compare all films with each other and with the usual film of this copy.

    Args:
        films: ``films[numbers]``, in the order of ``facts``.
        facts: the columns of ``FilmFacts``.
        owners: ``image_id, patient_id, part`` of each film.
        reasons: why a film is in quarantine, or an empty string.
        progress: told how many films were looked at.
    """
    fit = (facts["problem"] == "").to_numpy()
    thumbnails = make_thumbnails(films, fit, progress)
    copies = find_copies(facts)
    alone = fit.copy()
    alone[copies["second"].to_numpy(np.int64)] = False
    pairs = pd.concat([copies, find_near(films, thumbnails, alone)], ignore_index=True)
    notes = describe_films(facts, fit, find_inverted(thumbnails, fit))
    table = pd.concat([owners.reset_index(drop=True), facts.reset_index(drop=True)], axis=1)
    table = table.assign(reason=reasons.to_numpy(), notes=notes)
    return Audit(table, name_pairs(pairs, owners))


def describe_films(facts: pd.DataFrame, fit: npt.NDArray[np.bool_], inverted: npt.NDArray[np.bool_]) -> list[str]:
    """Return what is odd about each film, joined by ``; ``: its size, its shape, the kind of file, its polarity."""
    sizes = pd.Series(list(zip(facts["width"], facts["height"], strict=True)))
    usual = sizes[fit].mode().iloc[0] if fit.any() else (0, 0)
    words = []
    for size, mode, is_fit, is_inverted in zip(sizes, facts["mode"], fit, inverted, strict=True):
        odd = [f"{size[0]} x {size[1]} pixels"] if size != usual else []
        odd += ["not square"] if size[0] != size[1] else []
        odd += [mode] if mode != "L" else []
        odd += ["inverted"] if is_inverted else []
        words.append("; ".join(odd) if is_fit else "")
    return words


def name_pairs(pairs: pd.DataFrame, owners: pd.DataFrame) -> pd.DataFrame:
    """Replace film numbers by image ids and say whether patients and parts are the same; the gravest pairs first."""
    one, other = (owners.iloc[pairs[end].to_numpy(np.int64)].reset_index(drop=True) for end in ("first", "second"))
    named = pairs.assign(first=one["image_id"], second=other["image_id"])
    for column, name in (("patient_id", "patients"), ("part", "parts")):
        named[name] = np.where(one[column] == other[column], "same", "different")
    return named.sort_values(["patients", "parts", "bits", "first", "second"], ignore_index=True)
