"""Patient-disjointness is proved at load; the hash is the split."""

import numpy as np
import pandas as pd
import pytest

from cxr_xai.data.index import Index
from cxr_xai.data.splits.split import make_split, prevalence_by_part
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

STUDIES = pd.DataFrame({"image_id": ["a", "b", "c", "d"], "patient_id": ["1", "1", "2", "3"]})


def test_rows_of_a_part() -> None:
    split = make_split("x", STUDIES, np.array(["train", "train", "val", ""]))
    assert split.rows("train").tolist() == [0, 1]
    assert split.rows("val").tolist() == [2]
    assert split.rows("test").tolist() == []


def test_a_torn_patient_is_named_with_its_parts() -> None:
    with pytest.raises(UserError, match=r"split=x is not patient-disjoint: 1 patients.*first is 1 \(test and train\)"):
        make_split("x", STUDIES, np.array(["train", "test", "val", "val"]))


def test_a_patient_partly_out_of_the_split_is_not_torn() -> None:
    make_split("x", STUDIES, np.array(["train", "", "val", "test"]))


def test_the_hash_is_of_images_and_parts_not_of_rows_or_names() -> None:
    part = np.array(["train", "train", "val", "test"])
    first = make_split("x", STUDIES, part)
    assert make_split("y", STUDIES.iloc[::-1], part[::-1]).hash == first.hash
    assert make_split("x", STUDIES, np.array(["train", "train", "test", "val"])).hash != first.hash
    assert len(first.hash) == 64


def test_prevalence_is_over_films_at_hand_and_known_labels() -> None:
    studies = STUDIES.assign(path=["a", None, "c", "d"], **dict.fromkeys(FINDINGS, 0.0))
    studies["Mass"] = [1.0, 1.0, np.nan, 0.0]
    index = Index("x", studies, pd.DataFrame(), {}, {})
    split = make_split("x", studies, np.array(["train", "train", "train", "val"]))
    split.part[2] = "train"
    shares = prevalence_by_part(index, split)
    assert shares["train"][FINDINGS.index("Mass")] == 1.0
    assert shares["train"][FINDINGS.index("Hernia")] == 0.0
    assert shares["val"][FINDINGS.index("Mass")] == 0.0
    assert np.isnan(shares["test"]).all()
