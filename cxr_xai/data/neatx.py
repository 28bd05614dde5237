"""Chest drains of NIH films, as non-experts saw them: NEATX (Cheplygina et al., MIUA 2025, arXiv 2309.02244).

Source: https://zenodo.org/records/14944064, 3,543 annotations of films whose report speaks of a pneumothorax. Any table
is read that `data.attributes` reads; columns whose names hold ``drain`` or ``chest tube`` speak of a drain, one or one
an annotator. What is not said of a film is unknown; a mere list of films says yes of them.
"""

from pathlib import Path

import pandas as pd

from cxr_xai.data.attributes import NO, VOTES, YES, AttributeFile, read_attribute_file
from cxr_xai.errors import UserError


def read_drain_file(path: Path) -> AttributeFile:
    """Read who has a drain, as the file names the films.

    Raises:
        UserError: there is no such file, no such column, or it says something else than yes and no.
    """
    file = read_attribute_file(path, "drain")
    said = file.values.dropna()
    if not said.isin([YES, NO]).all():
        strange = said[~said.str.lower().isin(VOTES)]
        raise UserError(f"{path} says {strange.iloc[0]!r} of {strange.index[0]}; expected 1 or 0, yes or no.")
    return file


def read_drains(path: Path) -> pd.Series:
    """Read who has a drain.

    Args:
        path: a CSV in the layout above.

    Returns:
        ``yes``, ``no`` or missing, by image id with the suffix of NIH films.

    Raises:
        UserError: as `read_drain_file`, or it is a mere list, which does not say who has none.
    """
    file = read_drain_file(path)
    if file.listed:
        raise UserError(f"{path} has no column that says whether there is a drain, only names of films.")
    names = file.values.index.to_series()
    return file.values.set_axis(pd.Index(names.where(names.str.contains(r"\.\w+$"), names + ".png"), name="image_id"))
