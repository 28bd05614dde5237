"""CheXpert v1.0, full or small, and the pixels that CheXlocalize marks on its validation and test films.

Sources: Irvin et al., AAAI 2019 (https://arxiv.org/abs/1901.07031); Saporta et al., Nature Machine Intelligence 2022
(https://doi.org/10.1038/s42256-022-00536-x). Layout: ``train.csv``, ``valid.csv``, ``test.csv`` (``val_labels.csv``,
``test_labels.csv`` in CheXlocalize) with a ``Path`` such as ``CheXpert-v1.0-small/train/patient00001/study1/
view1_frontal.jpg`` and 14 observations: 1, 0, -1 (uncertain) or nothing (not mentioned). Training labels were mined
from reports; those of validation (three radiologists) and test (five) are of films. ``gt_segmentations_val.json`` and
``gt_segmentations_test.json`` have COCO run lengths of up to ten observations for a film.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from cxr_xai.data.boxes import CORNERS
from cxr_xai.data.crosswalk import SAME, Crosswalk
from cxr_xai.data.index import BOX_COLUMNS, Index
from cxr_xai.data.masks import Key, Masks
from cxr_xai.data.release.chexpert_files import Layout, find_films, find_layout, read_part
from cxr_xai.data.release.foreign import Counts, describe_labels, make_boxes, make_studies
from cxr_xai.data.release.image_names import as_names, check_names
from cxr_xai.data.release.links import Gate
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file, read_json

UNCERTAIN = {"ignore": np.nan, "zeros": 0.0, "ones": 1.0}
"""What -1 becomes: U-Ignore, U-Zeros and U-Ones of the paper."""

BLANK = {"unknown": np.nan, "zero": 0.0}
"""What an observation becomes that is not mentioned."""

HELD_OUT = {"test": ("test",), "valid": ("valid",), "both": ("valid", "test")}
OPACITY = ("Airspace Opacity", "Lung Opacity")
"""One observation: as CheXlocalize calls it, and as CheXpert does."""


class ChexpertReader:
    """Reads the frontal films of whichever parts are there; lateral ones are left out and counted.

    Args:
        uncertain: what -1 becomes: ``ignore`` (unknown), ``zeros`` or ``ones``.
        blank: what an observation becomes that a report does not mention: ``unknown``, or ``zero``.
        held_out: what stands for the published test list: ``test``, ``valid`` or ``both``; of the others only train
            takes part in ``split=official``.
        masks: whether CheXlocalize's masks (marked pixels of findings, `data.masks`) are read where they are there.
        crosswalk: rules beside ``same`` by which observations become ours.
        name: what the source calls itself.
        links_out: whether links may lead out of the root.
    """

    def __init__(
        self,
        uncertain: Literal["ignore", "zeros", "ones"] = "ignore",
        blank: Literal["unknown", "zero"] = "unknown",
        held_out: Literal["test", "valid", "both"] = "test",
        masks: bool = True,
        crosswalk: str | Sequence[str] = SAME,
        name: str = "chexpert",
        links_out: bool = False,
    ) -> None:
        for key, value, known in (
            ("uncertain", uncertain, UNCERTAIN),
            ("blank", blank, BLANK),
            ("held_out", held_out, HELD_OUT),
        ):
            if value not in known:
                raise UserError(f"datamodule.reader.{key}={value}: expected {', '.join(known)}.")
        self.uncertain, self.blank, self.held_out, self.masks = uncertain, blank, held_out, masks
        self.walk, self.name, self.links_out = Crosswalk("chexpert", crosswalk), name, links_out

    def read(self, root: Path) -> Index:
        """Read labels and masks, and look for films; none is opened.

        Raises:
            UserError: the folder, every table, a column or every film is missing, a value is none of the published
                ones, a path is none of a film, or a mask is malformed.
        """
        gate = Gate(root, self.links_out)
        index, layout, films = self._read(root, gate)
        paths, found = find_films(layout, films, gate)
        if found["images found"] == 0:
            raise UserError(f"The tables in {root} have {len(films):,} frontal films, and none of them is below it.")
        studies = index.studies.assign(path=pd.Series(paths, dtype=object))
        return replace(index, studies=studies, counts={**index.counts, **found, "links out of the root": gate.out})

    def read_tables(self, root: Path) -> Index:
        """Read labels and masks alone; every path is None.

        Raises:
            UserError: as `read`, films apart.
        """
        return self._read(root, Gate(root, self.links_out))[0]

    def _read(self, root: Path, gate: Gate) -> tuple[Index, Layout, pd.DataFrame]:
        layout = find_layout(root)
        files = list(layout.tables.values())
        for path in (*files, *layout.masks.values()):
            gate.check(path)
        observations = tuple(name for name in self.walk.classes if name != OPACITY[0])
        parts, read = zip(*(read_part(part, path, observations) for part, path in layout.tables.items()), strict=True)
        table = pd.concat(parts, ignore_index=True)
        check_names(as_names(table["image_id"]), files[0], header=1)
        if (twice := table["image_id"].duplicated()).any():
            raise UserError(f"{root}: two rows are of {table['image_id'][twice].iloc[0]}; use the published tables.")
        said = table[list(observations)].reset_index(drop=True)
        labels, uncertain = self._decide(said)
        known = {key: table[key] for key in ("age", "sex", "view")}
        studies, translated = make_studies(
            table["image_id"],
            table["patient_id"],
            labels,
            self.walk,
            said,
            official=self._official(table["part"]),
            **known,
        )
        masks, boxes, marked = self._read_masks(layout.masks, studies) if self.masks else (None, NO_BOXES, {})
        used = files if masks is None else [*files, *layout.masks.values()]
        counts = {key: sum(each[key] for each in read) for key in read[0]}
        index = Index(
            self.name,
            studies,
            boxes,
            {path.name: hash_file(path) for path in used},
            {**counts, **uncertain, **translated, **marked},
            self._describe(masks),
            None if masks is None else used[len(files)].name,
            masks=masks,
        )
        return index, layout, table[["part", "place"]]

    def _decide(self, said: pd.DataFrame) -> tuple[pd.DataFrame, Counts]:
        """Turn -1 and nothing into what the rules say."""
        unsure, blank = said == -1, said.isna()
        labels = said.mask(unsure, UNCERTAIN[self.uncertain]).mask(blank, BLANK[self.blank])
        return labels, {
            f"observations that are uncertain ({self.uncertain})": int(unsure.to_numpy().sum()),
            f"observations that are not mentioned ({self.blank})": int(blank.to_numpy().sum()),
        }

    def _official(self, part: "pd.Series[str]") -> "pd.Series[Any]":
        names = {"train": "train_val", **dict.fromkeys(HELD_OUT[self.held_out], "test")}
        return part.map(names).astype(object).where(part.isin(names), None)

    def _describe(self, masks: Masks | None) -> Mapping[str, str]:
        return describe_labels(
            self.walk,
            labels="mined from reports in train, radiologists' elsewhere",
            uncertain=self.uncertain,
            blank=self.blank,
            held_out=self.held_out,
            **({} if masks is None else {"boxes": "tight around each part of a mask"}),
        )

    def _read_masks(
        self, files: Mapping[str, Path], studies: pd.DataFrame
    ) -> tuple[Masks | None, pd.DataFrame, Counts]:
        """Read masks of our findings and draw boxes around them; what the labels do not call present is dropped."""
        if not files:
            return None, NO_BOXES, {}
        runs, counts = read_masks(list(files.values()), studies["image_id"], self.walk)
        drawn = [(*key, *box) for key, boxes in Masks(runs).boxes() for box in boxes]
        table = pd.DataFrame(drawn, columns=["image_id", "theirs", *CORNERS])
        boxes, boxed = make_boxes(table, studies, self.walk, next(iter(files.values())))
        kept = set(zip(boxes["image_id"], boxes["finding"], strict=True))
        pairs = [((image, ours), rle) for (image, theirs), rle in runs.items() for ours in self.walk.places(theirs)]
        masks = Masks({key: rle for key, rle in pairs if key in kept})
        boxed = {name.replace("boxes", "boxes around masks", 1): number for name, number in boxed.items()}
        return masks, boxes, {**counts, "masks of our findings": len(masks.runs), **boxed}


NO_BOXES = pd.DataFrame(columns=list(BOX_COLUMNS))


def read_masks(
    files: Sequence[Path], image_ids: "pd.Series[str]", walk: Crosswalk
) -> tuple[dict[Key, Mapping[str, Any]], Counts]:
    """Read the run lengths of films that have labels, of observations that are findings of ours.

    Returns:
        (image id, observation) → run lengths; and counts, in words → number.

    Raises:
        UserError: a file is another, or names an observation that there is not.
    """
    owners = {name.rpartition(".")[0]: name for name in image_ids}
    runs: dict[Key, Mapping[str, Any]] = {}
    counts = {"films with masks": 0, "films with masks and without labels": 0, "masks that are no label here": 0}
    for path in files:
        try:
            films = {str(film): dict(masks) for film, masks in dict(read_json(path)).items()}
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is no table of masks by film ({error}); use the published file.") from error
        for film, masks in films.items():
            counts["films with masks"] += 1
            counts["films with masks and without labels"] += film not in owners
            for name, rle in masks.items():
                theirs = OPACITY[1] if name == OPACITY[0] else name
                if theirs not in walk.classes:
                    raise UserError(f"{path}: {film} has a mask of {name!r}; expected observations of CheXpert.")
                if film in owners and walk.places(theirs):
                    runs[owners[film], theirs] = rle
                counts["masks that are no label here"] += not walk.places(theirs)
    return runs, counts
