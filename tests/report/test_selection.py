"""The choice of the epoch in words and as a figure."""

from types import SimpleNamespace
from typing import Any

import pandas as pd

from cxr_xai.artifacts.pareto import PARETO_COLUMNS
from cxr_xai.report.selection import describe_choice, draw_choice

SCORE = "0.5 × macro AUROC on val + 0.5 × mean energy in the boxes"


def results(rows: list[tuple[Any, ...]], uses: str = "monitored, selected by (9 boxes of 8 patients)") -> Any:
    pareto = pd.DataFrame(rows, columns=list(PARETO_COLUMNS))
    return SimpleNamespace(pareto=pareto, certificate={"boxes": {"uses": uses, "selection_score": SCORE}})


FRONT = (0, 0.6, 0.4, 0.5, True, True, False)
CHOSEN = (1, 0.75, 0.3, 0.525, True, True, True)
WORSE = (2, 0.7, 0.2, 0.45, False, False, False)


def test_what_was_chosen_by_boxes_says_by_whose() -> None:
    words = describe_choice(results([FRONT, CHOSEN, WORSE]))
    assert words.startswith(f"Epoch 1 was chosen by the largest {SCORE} (AUROC .750 on val, energy .300). ")
    assert "2 of 3 epochs lie on the front" in words
    assert words.endswith("The choice rests on 9 boxes of 8 patients, who are in no number here.")
    assert "energy, selection fold" in draw_choice(results([FRONT, CHOSEN]))


def test_what_was_chosen_on_val_says_where_it_lies() -> None:
    on = describe_choice(results([FRONT, CHOSEN, WORSE], "monitored"))
    assert on.startswith("Epoch 1 was chosen on val alone (AUROC .750 on val, energy .300) and lies on the front: ")
    assert "lies off the front" in describe_choice(results([FRONT, (*WORSE[:6], True)], "monitored"))


def test_without_a_fold_there_is_nothing_to_say() -> None:
    empty: Any = results([])
    empty.certificate["boxes"].pop("selection_score")
    assert describe_choice(empty) == draw_choice(empty) == ""
    undefined = results([(0, float("nan"), 0.4, float("nan"), False, True, True)])
    assert describe_choice(undefined) == draw_choice(undefined) == ""
