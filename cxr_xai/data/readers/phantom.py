"""The chest phantom: made on first use, then read like the release."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd

from cxr_xai.data.films.files import Progress
from cxr_xai.data.index import Index
from cxr_xai.data.phantom import PhantomSpec, write_phantom
from cxr_xai.data.phantom.tables import SHORTCUT_FILE
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.files import hash_file

YES_OR_NO = ("marker", "drain")
"""Shortcuts that a film has or has not; brightness every film has some of."""


class PhantomReader:
    """Writes a phantom into the root unless it is there, and reads it with the NIH reader.

    Args:
        train_val_patients: about 2.2 images each.
        test_patients: likewise; only they have boxes.
        film_size: side of the films in pixels.
        prevalence: ``enriched`` has enough of every finding for a small test; ``nih`` is as in the release.
        shortcut_strength: 0 to 1, how much marker, drain and brightness say about the labels.
        seed: of the phantom.
        box_list: name of the box list, or None to go on without boxes.
        progress: told while films are drawn.
    """

    def __init__(
        self,
        train_val_patients: int = 1010,
        test_patients: int = 330,
        film_size: int = 256,
        prevalence: Literal["nih", "enriched"] = "enriched",
        shortcut_strength: float = 0.5,
        seed: int = 0,
        box_list: str | None = "BBox_List_2017.csv",
        progress: Progress | None = None,
    ) -> None:
        self.spec = PhantomSpec(
            seed=seed,
            train_val_patients=train_val_patients,
            test_patients=test_patients,
            image_size=film_size,
            prevalence=prevalence,
            shortcut_strength=shortcut_strength,
        )
        self.box_list, self.progress = box_list, progress

    def read(self, root: Path) -> Index:
        """Make the phantom if need be and read it.

        Raises:
            UserError: the root holds another phantom, or something else.
        """
        write_phantom(root, self.spec, progress=self.progress)
        return self._tell(NihReader(self.box_list, name="phantom").read(root), root)

    def read_tables(self, root: Path) -> Index:
        """Make the phantom if need be and read its tables; paths of films are None.

        Raises:
            UserError: the root holds another phantom, or something else.
        """
        write_phantom(root, self.spec, progress=self.progress)
        return self._tell(NihReader(self.box_list, name="phantom").read_tables(root), root)

    def _tell(self, index: Index, root: Path) -> Index:
        about = {"prevalence": self.spec.prevalence, "shortcut_strength": self.spec.shortcut_strength}
        sources = {**index.sources, SHORTCUT_FILE: hash_file(root / SHORTCUT_FILE)}
        return replace(index, about=about, sources=sources, attributes=read_planted(root, index.studies["image_id"]))


def read_planted(root: Path, images: pd.Series) -> pd.DataFrame:
    """Return ``image_id, marker, drain``: ``yes`` where the phantom has planted one, else ``no``."""
    table = pd.read_csv(root / SHORTCUT_FILE).set_index("image_id")
    planted = {name: images.map(table[name].map({1: "yes", 0: "no"})) for name in YES_OR_NO}
    return pd.DataFrame({"image_id": images, **planted})
