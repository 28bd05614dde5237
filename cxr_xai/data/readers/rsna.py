"""RSNA Pneumonia Detection Challenge 2018, stage 2: boxes around opacities suspicious for pneumonia, on films of NIH.

Source: Shih et al., Radiology: AI 2019 (https://doi.org/10.1148/ryai.2019180041). Layout: ``stage_2_train_labels.csv``
(``patientId,x,y,width,height,Target``, a row a box), ``stage_2_detailed_class_info.csv`` (``patientId,class``) and
``stage_2_train_images/<patientId>.dcm``, 1024 pixels a side. What it calls a patient is a film. Its films are 30,000 of
NIH ChestX-ray14; ``pneumonia-challenge-dataset-mappings_2018.json``, published beside it, says which.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cxr_xai.data.boxes import CORNERS, REFERENCE_SIZE
from cxr_xai.data.crosswalk import SAME, Crosswalk
from cxr_xai.data.films.dicom_header import look_up_headers, read_headers
from cxr_xai.data.index import Index
from cxr_xai.data.release.foreign import ONE_A_FILM, Counts, describe_labels, make_boxes, make_studies
from cxr_xai.data.release.image_files import match_files
from cxr_xai.data.release.image_names import Names, as_names, check_names
from cxr_xai.data.release.links import Gate
from cxr_xai.data.release.table import as_labels, as_numbers, read_columns
from cxr_xai.errors import UserError
from cxr_xai.files import hash_file, read_json

LABELS, CLASSES, FILMS = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv", "stage_2_train_images"
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
OPACITY = "Lung Opacity"
EDGES = ["x", "y", "width", "height"]
SUFFIX = ".dcm"


class RsnaReader:
    """Reads a whole or partial copy of the training films; those of the test set have no labels.

    Args:
        mapping: the file that says which film is which of NIH, inside the root or a path: patients are then NIH's.
            None takes every film as a patient of its own, and nobody knows who of NIH they are.
        crosswalk: rules beside ``same`` by which their class becomes ours; ``challenge`` takes ``Lung Opacity`` as
            Pneumonia, without which nothing of it is a finding of ours.
        headers: whether age, sex and view are read from the films' headers.
        name: what the source calls itself.
        links_out: whether links may lead out of the root.
    """

    def __init__(
        self,
        mapping: str | None = None,
        crosswalk: str | Sequence[str] = SAME,
        headers: bool = True,
        name: str = "rsna",
        links_out: bool = False,
    ) -> None:
        self.mapping, self.headers, self.name, self.links_out = mapping, headers, name, links_out
        self.walk = Crosswalk("rsna", crosswalk)

    def read(self, root: Path) -> Index:
        """Read labels, boxes, the mapping and headers of films; no pixel is decoded.

        Raises:
            UserError: the folder, a table, a column or every film is missing, a table contradicts itself or the other,
                or the mapping does not know a film.
        """
        index, images = self._read(root)
        paths, found = self._find(root, images)
        if found["images found"] == 0:
            raise UserError(f"{LABELS} in {root} has {len(images):,} films, but none of them is in {root / FILMS}.")
        studies = self._describe(index, self._read_headers(paths)).assign(path=pd.Series(paths, dtype=object))
        return replace(index, studies=studies, counts={**index.counts, **found})

    def read_tables(self, root: Path) -> Index:
        """Read labels, boxes and the mapping, and keep no path; age, sex and view are known where films are there.

        Raises:
            UserError: as `read`, films apart.
        """
        index, images = self._read(root)
        paths, _ = self._find(root, images)
        return replace(index, studies=self._describe(index, self._read_headers(paths)))

    def read_beside(self, root: Path, headers: pd.DataFrame) -> Index:
        """Read labels, boxes and the mapping beside headers of films that lie elsewhere; every path is None.

        Raises:
            UserError: as `read`, films apart.
        """
        index, _ = self._read(root)
        return replace(
            index, studies=self._describe(index, look_up_headers(headers, index.studies["image_id"].tolist()))
        )

    def _find(self, root: Path, images: Names) -> tuple[list[str | None], Counts]:
        paths, found = match_files([root / FILMS] if (root / FILMS).is_dir() else [], images, self._gate(root))
        return list(paths), found

    def _read_headers(self, paths: Sequence[str | None]) -> pd.DataFrame:
        return read_headers(paths if self.headers else [None] * len(paths))

    def _describe(self, index: Index, headers: pd.DataFrame) -> pd.DataFrame:
        known = ("age", "sex", "view") if self.headers else ()
        return index.studies.assign(**{key: headers[key] for key in known})

    def _gate(self, root: Path) -> Gate:
        gate = Gate(root, self.links_out)
        gate.check(root / FILMS)
        return gate

    def _read(self, root: Path) -> tuple[Index, Names]:
        if not root.is_dir():
            raise UserError(f"No folder {root}: datamodule.root must name the folder that holds {LABELS}.")
        gate, files = self._gate(root), [root / LABELS, *([root / CLASSES] if (root / CLASSES).is_file() else [])]
        for path in files:
            gate.check(path)
        films, drawn, counts = read_boxes(files[0])
        images = as_names(list(films.index + SUFFIX))
        check_names(images, files[0], header=1)
        if len(files) > 1:
            counts |= read_classes(files[1], films, self.walk)
        patients, mapped = films.index.to_series(), []
        if self.mapping is not None:
            mapped = [gate.find(self.mapping, root, f"datamodule.reader.mapping names the challenge's {MAPPING}")]
            patients = read_mapping(mapped[0], films.index)
        studies, translated = make_studies(
            list(films.index + SUFFIX), list(patients), films.reset_index(drop=True), self.walk
        )
        boxes, boxed = make_boxes(drawn, studies, self.walk, files[0])
        sources = {path.name: hash_file(path) for path in [*files, *mapped]}
        about = describe_labels(self.walk, labels="readers of the challenge")
        about = {**about, "patients": "those of NIH" if mapped else f"{ONE_A_FILM}, for no mapping was given"}
        counts |= {**translated, **boxed}
        index = Index(self.name, studies, boxes, sources, counts, about, LABELS, films_of="nih", linked=bool(mapped))
        return index, images


def read_boxes(path: Path) -> tuple[pd.DataFrame, pd.DataFrame, Counts]:
    """Read the table of labels: whether a film has an opacity, and where.

    Returns:
        ``Lung Opacity`` 0 or 1 by film, in the order of the file; ``image_id, theirs`` and corners in fractions of the
        film, a row a box; and counts.

    Raises:
        UserError: a column is missing, a value is none of the published ones, or a film is said to have an opacity
            without a box, a box without an opacity, or both.
    """
    table = read_columns(path, ["patientId", *EDGES, "Target"])
    target, edges = pd.Series(as_labels(table["Target"], (0, 1), path)), as_numbers(table, EDGES, path)
    boxed = edges.notna().all(axis=1)
    wrong = (target == 1) != boxed
    if (wrong := wrong | target.isna()).any():
        row = int(wrong.to_numpy().argmax())
        raise UserError(
            f"{path} line {row + 2}: Target is {table['Target'][row]!r} {'with' if boxed[row] else 'without'} a box; "
            "use the published file."
        )
    groups = target.groupby(table["patientId"], sort=False)
    if (torn := groups.min() != groups.max()).any():
        raise UserError(f"{path} says both Target 0 and 1 of {torn.index[torn][0]}; use the published file.")
    rows = pd.concat([table["patientId"], edges], axis=1)[boxed].drop_duplicates()
    low, extent = rows[["x", "y"]].to_numpy() / REFERENCE_SIZE, rows[["width", "height"]].to_numpy() / REFERENCE_SIZE
    drawn = pd.DataFrame({"image_id": rows["patientId"].to_numpy() + SUFFIX, "theirs": OPACITY})
    drawn[CORNERS] = pd.concat([pd.DataFrame(low), pd.DataFrame(low + extent)], axis=1).to_numpy()
    return groups.max().to_frame(OPACITY), drawn, {"rows in the label file": len(table)}


def read_classes(path: Path, films: pd.DataFrame, walk: Crosswalk) -> Counts:
    """Read the class of every film, and see that it says what the boxes say.

    Returns:
        How many films are of each class.

    Raises:
        UserError: a class is unknown, a film has two, or one contradicts the boxes.
    """
    table = read_columns(path, ["patientId", "class"])
    if (unknown := ~table["class"].isin(walk.classes)).any():
        row = int(unknown.to_numpy().argmax())
        raise UserError(f"{path} line {row + 2}: unknown class {table['class'][row]!r}; use the published file.")
    table = table.drop_duplicates()
    if (twice := table["patientId"].duplicated()).any():
        raise UserError(f"{path} gives {table['patientId'][twice].iloc[0]} two classes; use the published file.")
    said = table.set_index("patientId")["class"].reindex(films.index)
    wrong = said.notna() & ((said == OPACITY) != (films[OPACITY] == 1))
    if wrong.any():
        film = wrong.index[wrong][0]
        raise UserError(f"{path} calls {film} {said[film]!r}, which its boxes contradict; use the published files.")
    counts = said.value_counts()
    return {f"films called {name}": int(counts.get(name, 0)) for name in walk.classes}


def read_mapping(path: Path, films: "pd.Index[str]") -> "pd.Series[str]":
    """Return the NIH patient of every film, without leading zeros, from ``subset_img_id`` and ``img_id``.

    Raises:
        UserError: the file is another, or does not know a film.
    """
    try:
        pairs = {str(row["subset_img_id"]): str(row["img_id"]) for row in read_json(path)}
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is no list of subset_img_id and img_id ({error}); use {MAPPING}.") from error
    names = pd.Series([pairs.get(film, "") for film in films], index=films)
    patients = names.str.extract(r"^0*(\d+)_\d+\.png$")[0]
    if patients.isna().any():
        film = patients.index[patients.isna()][0]
        said = f"calls it {names[film]!r}" if names[film] else "does not know it"
        raise UserError(
            f"{path}: {int(patients.isna().sum()):,} films are no film of NIH by it, the first is {film} ({said}); "
            "use the published file, or datamodule.reader.mapping=null."
        )
    return patients.astype(str)
