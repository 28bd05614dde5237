"""One row per film, one per pair."""

import numpy as np
import pandas as pd

from cxr_xai.data.audit.audit import audit_films, describe_films, name_pairs

OWNERS = pd.DataFrame(
    {"image_id": ["a", "b", "c", "d"], "patient_id": ["1", "1", "2", "3"], "part": ["train", "train", "test", "train"]},
    index=[9, 3, 5, 7],
)


def test_what_is_odd_is_said_of_films_that_show_something() -> None:
    facts = pd.DataFrame({"width": [8, 8, 8, 9, 0], "height": [8, 8, 8, 8, 0], "mode": ["L", "RGBA", "L", "L", ""]})
    fit = np.array([True, True, True, True, False])
    inverted = np.array([False, True, False, False, False])
    assert describe_films(facts, fit, inverted) == ["", "RGBA; inverted", "", "9 x 8 pixels; not square", ""]


def test_pairs_are_named_and_the_gravest_come_first() -> None:
    pairs = pd.DataFrame(
        {"first": [0, 1, 1], "second": [1, 2, 3], "kind": "near", "bits": [3, 5, 1], "correlation": 1.0}
    )
    named = name_pairs(pairs, OWNERS)
    assert named[["first", "second", "patients", "parts"]].to_numpy().tolist() == [
        ["b", "c", "different", "different"],
        ["b", "d", "different", "same"],
        ["a", "b", "same", "same"],
    ]


def test_an_audit_of_four_films() -> None:
    films = np.random.default_rng(0).integers(0, 256, (4, 32, 32), np.uint8)
    films[1] = films[0]
    films[3] = 0
    facts = pd.DataFrame(
        {
            "sha256": list("pqrs"),
            "pixels": ["x", "x", "y", ""],
            "width": 32,
            "height": 32,
            "mode": "L",
            "problem": ["", "", "", "blank"],
        }
    )
    audit = audit_films(films, facts, OWNERS, pd.Series(["", "", "by hand", "blank"]))
    assert audit.films["image_id"].tolist() == ["a", "b", "c", "d"]
    assert audit.films["reason"].tolist() == ["", "", "by hand", "blank"]
    assert audit.pairs[["first", "second", "kind"]].to_numpy().tolist() == [["a", "b", "same pixels"]]
