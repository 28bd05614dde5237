"""Which films may be scored: worked out by hand on eight studies of six patients."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.index import BOX_COLUMNS, Index
from cxr_xai.data.splits.file import write_split
from cxr_xai.data.splits.split import make_split
from cxr_xai.errors import UserError
from cxr_xai.experiments.evaluate.boxes import divide_boxed
from cxr_xai.experiments.evaluate.describe import list_marks, list_unknown
from cxr_xai.experiments.evaluate.run import choose_part, hash_asked
from cxr_xai.experiments.evaluate.scored import Scored, choose_studies, describe_scored, is_same_source
from cxr_xai.files import read_json, write_json
from cxr_xai.findings import FINDINGS

PATIENTS = ["1", "1", "2", "3", "3", "4", "5", "6"]
PARTS = ["train", "train", "val", "test", "test", "external", "selection", ""]
"""Of the run: patient 1 trained, 2 and 5 chose, 3, 4 and 6 did neither."""


def make_index(name: str = "nih", about: Any = None, label_file: str = "a" * 64) -> Index:
    studies = pd.DataFrame({"image_id": [f"{n}.png" for n in range(8)], "patient_id": PATIENTS})
    studies = studies.assign(path="film", **dict.fromkeys(FINDINGS, 0.0)).assign(Hernia=np.nan)
    studies.loc[4, "path"] = None
    boxes = pd.DataFrame(
        [[f"{n}.png", PATIENTS[n], "Mass", 0.0, 0.0, 1.0, 1.0] for n in (2, 3)], columns=list(BOX_COLUMNS)
    )
    return Index(name, studies, boxes, {"labels.csv": label_file}, {}, about or {})


def make_data(index: Index, parts: list[str] | None = None) -> Any:
    names = np.array(parts or PARTS)
    scheme = SimpleNamespace(split=lambda index: make_split("patient", index.studies, names))
    return SimpleNamespace(index=index, source=index, root=Path("somewhere"), scheme=scheme)


def choose(run: Any, data: Any, part: str) -> Scored:
    return choose_studies(run, data, part, data.scheme)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    folder = RunFolder(tmp_path)
    parts = np.array([part.replace("selection", "val") for part in PARTS])
    write_split(folder.split, make_index().studies, make_split("official", make_index().studies, parts))
    text = folder.split.read_text().replace("6.png,5,val", "6.png,5,train")  # two patients trained
    folder.split.write_text(text)
    write_json(folder.certificate, {"data": {"source": "nih", "files": {"labels.csv": "a" * 64}}})
    return SimpleNamespace(folder=folder, summary={"protocol": {"split": "official", "source": "nih"}})


def test_all_leaves_out_whom_the_run_has_met_and_what_has_no_film(run: Any) -> None:
    scored = choose(run, make_data(make_index()), "all")
    assert scored.rows.tolist() == [3, 5, 7]
    assert scored.listed.tolist() == [3, 4, 5, 7]
    assert scored.left_out == {"train": 3, "val": 1}
    assert scored.same_source
    told = describe_scored(scored, make_data(make_index()))
    assert (told["scheme"], told["listed"], told["without_film"]) == ("all films", {"test": 4}, {"test": 1})
    assert (told["images"], told["patients"]) == ({"test": 3}, {"test": 3})
    assert told["prevalence"]["test"]["Mass"] == 0
    assert np.isnan(told["prevalence"]["test"]["Hernia"])


def test_a_part_is_scored_whole_or_not_at_all(run: Any) -> None:
    whole = ["train", "train", "train", "test", "test", "val", "train", "test"]
    assert choose(run, make_data(make_index(), whole), "test").rows.tolist() == [3, 7]
    torn = ["test", "test", "train", "test", "test", "val", "train", "train"]
    with pytest.raises(
        UserError, match=r"part=test of split=patient holds 2 films of 1 pat.* first is 1, in its train"
    ):
        choose(run, make_data(make_index(), torn), "test")


def test_val_may_be_the_runs_own_and_is_marked(run: Any) -> None:
    own = ["train", "train", "val", "test", "test", "val", "train", "test"]
    scored = choose(run, make_data(make_index(), own), "val")
    assert (scored.rows.tolist(), scored.own_val, scored.name) == ([2, 5], 1, "patient, part val")
    with pytest.raises(UserError, match="holds 1 films of 1 patients"):
        choose(run, make_data(make_index(), ["test", "test", "train", *["val"] * 2, "train", "val", "train"]), "val")


def test_nothing_to_score(run: Any) -> None:
    only = ["train", "train", "train", "train", "train", "train", "train", "train"]
    with pytest.raises(UserError, match="part=test: none of its 0 images has a film"):
        choose(run, make_data(make_index(), only), "test")


@pytest.mark.parametrize(
    ("index", "same"),
    [
        (make_index(), True),
        (make_index(label_file="b" * 64), True),  # another edition of the labels
        (make_index(about={"labels": "by another rule"}, label_file="b" * 64), True),
        (make_index(name="other"), False),
        (make_index(name="phantom"), True),  # made by a program
        (make_index(name="phantom", label_file="b" * 64), False),  # with another seed
    ],
)
def test_when_equal_ids_are_the_same_people(index: Index, same: bool, run: Any) -> None:
    source = "phantom" if index.name == "phantom" else "nih"
    trained = {"source": source, "files": {"labels.csv": "a" * 64}}
    assert is_same_source(trained, make_data(index)) is same
    write_json(run.folder.certificate, {"data": trained})
    if not same:
        scored = choose(run, make_data(index), "all")
        assert len(scored.rows) == 7
        assert scored.left_out == {}


def test_films_of_the_same_patients_under_another_name(run: Any) -> None:
    """RSNA's are NIH's: with their ids whoever was met is left out, without them nobody knows."""
    linked = make_data(replace(make_index(name="rsna"), films_of="nih"))
    scored = choose(run, linked, "all")
    assert (scored.kin, scored.same_source) == ("linked", False)
    assert scored.rows.tolist() == [3, 5, 7]
    assert scored.left_out == {"train": 3, "val": 1}
    torn = make_data(linked.index, ["test", "test", "train", "test", "test", "val", "train", "train"])
    with pytest.raises(UserError, match=r"holds 2 films of 1 patients that the run has met"):
        choose(run, torn, "test")
    unlinked = make_data(replace(linked.index, linked=False))
    with pytest.raises(UserError, match=r"nothing says which: give rsna its mapping .*may_have_met=true"):
        choose(run, unlinked, "all")
    accepted = choose_studies(run, unlinked, "all", unlinked.scheme, may_have_met=True)
    assert (len(accepted.rows), accepted.kin) == (7, "unlinked")
    run.is_best, unlinked.image_size, linked.image_size = True, 64, 64
    assert "They are no external test." in list_marks(run, unlinked, accepted, None)[1]
    assert "none of a patient that it has met" in list_marks(run, linked, scored, None)[1]


def test_a_run_of_films_of_nih_on_nih(run: Any) -> None:
    trained = {"source": "rsna", "files": {}, "films_of": "nih", "linked": True}
    write_json(run.folder.certificate, {"data": trained})
    assert choose(run, make_data(make_index()), "all").left_out == {"train": 3, "val": 1}
    write_json(run.folder.certificate, {"data": trained | {"linked": False}})
    with pytest.raises(UserError, match="give rsna its mapping"):
        choose(run, make_data(make_index()), "all")
    assert choose(run, make_data(make_index(name="vindr")), "all").kin == ""


@pytest.mark.parametrize("linked", [True, False])
def test_films_of_one_source_whose_patients_go_by_two_kinds_of_ids(run: Any, linked: bool) -> None:
    """A run of RSNA with its mapping on RSNA without, and the reverse: a film is itself, its patient is unknown."""
    trained = {"source": "rsna", "files": {"labels.csv": "a" * 64}, "films_of": "nih", "linked": not linked}
    write_json(run.folder.certificate, {"data": trained})
    index = replace(make_index(name="rsna"), films_of="nih", linked=linked)
    data = make_data(replace(index, studies=index.studies.assign(patient_id=[f"other {n}" for n in range(8)])))
    assert not is_same_source(trained, data)
    with pytest.raises(UserError, match=f"rsna {'without' if linked else 'with'} its mapping.*may_have_met=true"):
        choose(run, data, "all")
    accepted = choose_studies(run, data, "all", data.scheme, may_have_met=True)
    assert (accepted.kin, accepted.same_source) == ("unlinked", False)
    assert accepted.rows.tolist() == [3, 5, 7], "the films that the run has met are left out all the same"
    write_json(run.folder.certificate, {"data": trained | {"linked": linked}})
    assert choose(run, data, "all").rows.tolist() == [3, 5, 7], "under the same kind of ids nothing is refused"


def test_first_weights_of_a_run_of_rsna_may_have_seen_nih(run: Any) -> None:
    begin_with(run, "run a (rsna of nih, split 12345678, 9 images)")
    assert len(choose(run, make_data(make_index()), "all").unsure) == 1
    assert choose(run, make_data(make_index(name="vindr")), "all").unsure == []


def test_weights_that_saw_nih_saw_rsna(run: Any) -> None:
    begin_with(run, "nih:train_val")
    data = make_data(replace(make_index(name="rsna"), films_of="nih"))
    with pytest.raises(UserError, match=r"were trained on films of nih"):
        choose(run, data, "all")


def test_boxes_that_the_run_watched_are_told_from_others(run: Any) -> None:
    """By `box_half`, patient 2 is monitored and 3 is sealed."""
    own, data = ["train", "train", "val", "val", "val", *["train"] * 3], make_data(make_index())
    scored = choose(run, make_data(make_index(), own), "val")
    found = {half: rows.tolist() for half, rows in divide_boxed(run, data, scored).items()}
    assert found == {"monitored": [2], "sealed": [3]}
    run.summary["protocol"]["split"] = "patient"  # which watched the boxes of its val: patient 2
    found = {half: rows.tolist() for half, rows in divide_boxed(run, data, scored).items()}
    assert found == {"monitored": [2], "sealed": [3]}
    run.folder.split.write_text(run.folder.split.read_text().replace(",val", ",").replace("3,test", "3,val"))
    found = {half: rows.tolist() for half, rows in divide_boxed(run, data, scored).items()}
    assert found == {"monitored": [3], "sealed": [2]}, "by its val, not by the half of the patient"
    run.summary["protocol"]["split"] = "official"
    foreign = make_data(make_index(name="other"))
    assert divide_boxed(run, foreign, choose(run, foreign, "all"))["sealed"].tolist() == [2, 3]
    run.folder.split.write_text(run.folder.split.read_text().replace(",train", ",").replace(",val", ","))
    kin = make_data(replace(make_index(name="rsna"), films_of="nih"))
    found = {half: rows.tolist() for half, rows in divide_boxed(run, kin, choose(run, kin, "all")).items()}
    assert found == {"monitored": [2], "sealed": [3]}, "the run watched boxes of patient 2, on films of NIH"


def begin_with(run: Any, *trained_on: str) -> None:
    """Let the run have begun with weights that were trained so."""
    certificate = read_json(run.folder.certificate)
    write_json(run.folder.certificate, {**certificate, "weights": {"file": "w.pt", "trained_on": list(trained_on)}})


@pytest.mark.parametrize(
    ("entry", "part", "way_out"),
    [
        ("other", "test", "score films of another source"),
        ("other", "all", "score films of another source"),
        ("other", "val", "score films of another source"),
        ("other:train_val", "test", "score part=test of split=official, whose list they have not seen"),
    ],
)
def test_films_that_the_first_weights_saw_are_refused(run: Any, entry: str, part: str, way_out: str) -> None:
    begin_with(run, "run a (phantom, split 12345678, 9 images)", entry)
    data = make_data(make_index(name="other"))
    with pytest.raises(
        UserError, match=rf"part={part}: the weights .*\(w.pt\) were trained on films of other.*{way_out}"
    ):
        choose(run, data, part)
    data.scheme = SimpleNamespace(split=lambda index: make_split("official", index.studies, np.array(PARTS)))
    if "train_val" in entry:
        assert choose(run, data, "test").rows.tolist() == [3]


def test_weights_of_which_nobody_knows_are_told(run: Any) -> None:
    begin_with(run, "imagenet")
    other, own = make_data(make_index(name="other")), make_data(make_index())
    assert choose(run, other, "all").unsure == []
    begin_with(run, "run a (other, split 12345678, 9 images)", "unknown")
    assert choose(run, other, "all").unsure == ["run a (other, split 12345678, 9 images)", "unknown"]
    begin_with(run, "run a (nih, split 12345678, 9 images)")
    assert choose(run, own, "test").unsure == [], "when it began, its test patients were looked for there"
    assert len(choose(run, own, "all").unsure) == 1, "patients in no part of it were not"
    assert choose(run, other, "all").unsure == []


def test_marks_say_it_in_words(run: Any) -> None:
    run.is_best, data = True, make_data(make_index())
    data.image_size = 64
    begin_with(run, "unknown")
    marks = list_marks(run, data, choose(run, data, "all"), None)
    assert marks[0] == "The run has met some of these patients, whose films are left out: 3 of its train, 1 of its val."
    assert "were trained on unknown: these films may have been among them" in marks[1]
    assert len(marks) == 3
    assert "Hernia" in marks[2]
    told = make_data(make_index(about={"labels": "majority of readers", "boxes": "mean", "crosswalk": "same"}))
    told.image_size = 64
    assert "Labels: majority of readers; boxes mean. Crosswalk of findings: same." in list_marks(
        run, told, choose(run, told, "all"), None
    )


def test_equal_names_that_overlap_are_told_between_sources(run: Any) -> None:
    run.is_best = True
    about = {"labels": "majority of readers", "crosswalk": "same"}
    vindr, own = make_data(make_index(name="vindr", about=about)), make_data(make_index())
    vindr.image_size = own.image_size = 64
    marks = " ".join(list_marks(run, vindr, choose(run, vindr, "all"), None))
    assert "Not one to one: Consolidation with Infiltration, Pneumonia; Pneumonia with Infiltration, Consol" in marks
    assert "Effusion" not in marks, "one to one"
    assert "Not one to one" not in " ".join(list_marks(run, own, choose(run, own, "all"), None))
    write_json(run.folder.certificate, {"data": {"source": "vindr", "files": {}, "about": about}})
    assert "Not one to one" in " ".join(list_marks(run, own, choose(run, own, "all"), None)), "and the other way"


def test_kinds_of_labels_are_not_mixed_unasked(run: Any) -> None:
    """CheXpert with train and valid alone: mined labels beside radiologists'."""
    index = make_index(name="chexpert")
    parted = [*["train_val"] * 6, None, None]
    data = make_data(replace(index, studies=index.studies.assign(official=parted)))
    settings: dict[str, Any] = {"part": None, "datamodule": {"reader": {"held_out": "test"}}}
    with pytest.raises(UserError, match=r"6 films of its training part beside 2 others.*held_out=valid.*part=all"):
        choose_part(settings, run, data)
    assert choose_part({**settings, "part": "all"}, run, data) == "all"
    for official, part in (
        (["train_val"] * 8, "all"),
        ([None] * 8, "all"),
        ([*["train_val"] * 6, "test", None], "test"),
    ):
        studies = index.studies.assign(official=pd.Series(official, dtype=object))
        assert choose_part(settings, run, make_data(replace(index, studies=studies))) == part


@pytest.mark.parametrize("key", ["adjudicated", "neatx"])
def test_an_evaluation_with_a_file_more_has_a_name_of_its_own(key: str) -> None:
    def name(files: Any) -> str:
        reader = {"labels": "mined", "adjudicated": None, "neatx": None} | {key: files}
        return hash_asked({"datamodule": {"reader": reader}, "boxes": True, "bootstrap": 9}, "all")

    assert name(None) != name(["/a"]) == name(["/b"])


def test_findings_that_the_data_do_not_know(run: Any) -> None:
    data = make_data(make_index())
    assert list_unknown(data, choose(run, data, "all")) == ["Hernia"]
