"""Films that no run uses, each with its reason: unfit files, one film under two patients, and a person's own list."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_xai.errors import UserError

COLUMNS = ("image_id", "reason")


def find_unfit(facts: pd.DataFrame, patients: Sequence[str]) -> pd.Series:
    """Return the reason of each film to be left out, or an empty string.

    Beside films with a problem these are all copies of a film that stands under several patients: nobody knows whose
    it is, and it may stand in two parts. Copies within a patient stay.

    Args:
        facts: one row per film, the columns of ``FilmFacts``.
        patients: whose film each is said to be.

    >>> facts = pd.DataFrame({"problem": ["", "", "blank"], "pixels": ["a", "a", ""]})
    >>> find_unfit(facts, ["1", "2", "2"]).tolist()
    ['same film under 2 patients', 'same film under 2 patients', 'blank']
    """
    table = pd.DataFrame({"pixels": facts["pixels"].to_numpy(), "patient": np.asarray(patients, object)})
    owners = table[table["pixels"] != ""].groupby("pixels")["patient"].nunique()
    counts = table["pixels"].map(owners).fillna(0).astype(int)
    shared = pd.Series([f"same film under {count} patients" if count > 1 else "" for count in counts], dtype=str)
    problem = facts["problem"].reset_index(drop=True)
    return problem.where(problem != "", shared)


def require_sound(problems: Mapping[str, str], films: int) -> None:
    """Stop where a whole copy has failed: more than 5 % of its films are unfit, and more than ten, or all.

    Args:
        problems: file → reason of the films found unfit so far.
        films: how many there are in all.

    Raises:
        UserError: says how many, and names the first.
    """
    if len(problems) > max(10, films // 20) or (problems and len(problems) == films):
        first, reason = next(iter(problems.items()))
        raise UserError(
            f"{len(problems):,} of {films:,} films are unfit, among them {first} ({reason}): "
            "not single films but the copy is broken; download or unpack it again."
        )


def read_exclusions(path: Path, images: pd.Series) -> dict[str, str]:
    """Read a person's own list: a CSV with the columns ``image_id,reason``.

    Args:
        path: of the list.
        images: all image ids of the source.

    Raises:
        UserError: the list is missing, malformed, or names an image that the source does not know.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        chosen = dict(zip(table["image_id"], table["reason"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"datamodule.exclude={path}: expected a CSV with the columns {','.join(COLUMNS)}.") from error
    if unknown := sorted(chosen.keys() - set(images)):
        raise UserError(f"datamodule.exclude={path} names {unknown[0]}, which the label file does not have.")
    return {image: reason or "excluded by hand" for image, reason in chosen.items()}
