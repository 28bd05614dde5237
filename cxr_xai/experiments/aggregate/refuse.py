"""What may not be aggregated, and why: mixed protocols, other code, missing, doubled and leaking folds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.protocol import FOLDS, read_card, require_same_protocol
from cxr_xai.data.splits.file import read_split
from cxr_xai.data.splits.split import EXTERNAL, hash_division
from cxr_xai.errors import UserError
from cxr_xai.experiments.aggregate.arms import by_arm
from cxr_xai.experiments.aggregate.cells import Cell, whole_or_refused

Design = Mapping[str, Mapping[int, Sequence[Cell]]]
"""Arm → seed → cells in order of their fold."""


def cells_of(design: Design) -> list[Cell]:
    """Return all runs, by arm, seed and fold."""
    return [cell for runs in design.values() for folds in runs.values() for cell in folds]


def require_one_origin(cells: Sequence[Cell]) -> None:
    """Refuse runs of different code, data, number of epochs or protocol.

    Raises:
        UserError: names two runs and what differs.
    """
    for what, section in (("code", "code"), ("data", "data")):
        _require_equal(cells, {c.name: c.certificate[section]["sha256"] for c in cells}, what)
    _require_equal(cells, {cell.name: cell.summary["max_epochs"] for cell in cells}, "numbers of epochs (max_epochs)")
    cards = {cell.name: read_card(cell.summary["protocol"]) for cell in cells}
    require_same_protocol(cards, (*FOLDS, "uses_of_boxes"))


def require_planned_epochs(cells: Sequence[Cell], sweep: Mapping[str, Any]) -> None:
    """Refuse runs that were to train longer: finished by an earlier, shorter command.

    Args:
        cells: all of them.
        sweep: the contents of ``sweep.json``, empty without one.

    Raises:
        UserError: names the run and both numbers of epochs.
    """
    planned = {Path(str(cell["folder"])).name: cell.get("epochs") for cell in sweep.get("cells", [])}
    for cell in cells:
        wanted, found = planned.get(cell.name), cell.summary["max_epochs"]
        if wanted is not None and found < wanted:
            raise UserError(f"{cell.name} has {found} epochs, and the sweep plans {wanted}; run the sweep again.")


def _require_equal(cells: Sequence[Cell], values: Mapping[str, Any], what: str) -> None:
    first = cells[0].name
    for name, value in values.items():
        if value != values[first]:
            one, other = (str(v)[:8] if len(str(v)) == 64 else v for v in (values[first], value))
            raise UserError(
                f"{first} and {name} were made with different {what} ({one}, {other}); one table holds one: run the "
                "older ones again, or move them elsewhere."
            )


def require_whole_design(cells: Sequence[Cell]) -> Design:
    """Return arm → seed → cells; every arm has the same seeds, and every seed all folds, once each.

    Raises:
        UserError: names the arm, seed and fold that is missing or there twice.
    """
    design = by_arm(cells)
    seeds = sorted({seed for runs in design.values() for seed in runs})
    folds = {None} if all(cell.fold is None for cell in cells) else set(range(_number_of_folds(cells)))
    for arm, runs in design.items():
        for seed in seeds:
            found = Counter(cell.fold for cell in runs.get(seed, []))
            if twice := [fold for fold, number in found.items() if number > 1]:
                names = ", ".join(cell.name for cell in runs[seed] if cell.fold == twice[0])
                raise UserError(f"{_say(arm, seed, twice[0])} is there twice: {names}; move one elsewhere.")
            if missing := sorted(folds - found.keys(), key=str):
                what = ", ".join(map(str, missing)) if None not in missing else ""
                raise UserError(
                    f"{_say(arm, seed)} lacks {'fold ' + what if what else 'a run'}, which other runs have or their k "
                    "asks for; run it, or move the runs that it was to be compared with elsewhere."
                )
    return design


def _number_of_folds(cells: Sequence[Cell]) -> int:
    _require_equal(cells, {cell.name: cell.split["about"].get("k") for cell in cells}, "number of folds")
    return int(cells[0].split["about"]["k"])


def _say(arm: str, seed: int, fold: int | None = None) -> str:
    return f"arm {arm}, seed {seed}" + ("" if fold is None else f", fold {fold}")


def require_sound_folds(design: Design) -> dict[int | None, pd.DataFrame]:
    """Prove from the runs' own ``split.csv`` that folds are those of one division, disjoint and exhaustive.

    Returns:
        Fold → ``image_id, patient_id, part``, images in no part left out.

    Raises:
        UserError: a split is not the one that its certificate names, differs between arms or seeds, or leaks; the
            message names runs, patients and folds.
    """
    cells = cells_of(design)
    _require_equal(cells, {c.name: c.split["about"].get("folds_sha256") for c in cells}, "division into folds")
    first: dict[int | None, Cell] = {}
    for cell in cells:
        same = first.setdefault(cell.fold, cell)
        if same.split["sha256"] != cell.split["sha256"]:
            raise UserError(f"{same.name} and {cell.name} test other studies ({_short(same)}, {_short(cell)}).")
    tables = {}
    for cell in cells:
        table = read_division(cell)
        if cell is first[cell.fold]:
            tables[cell.fold] = table
    _require_disjoint(tables, first)
    return tables


def _short(cell: Cell) -> str:
    return str(cell.split["sha256"])[:8]


def read_division(cell: Cell) -> pd.DataFrame:
    """Return ``image_id, patient_id, part`` of one run, images in no part left out; its hash is the certificate's.

    Raises:
        UserError: it is another split, or tears a patient.
    """
    head, table = read_split(cell.folder.split)
    if head is None or hash_division(table, table["part"].to_numpy(str)) != cell.split["sha256"]:
        raise UserError(f"{cell.folder.split} is not the split that the run's certificate names; run it again.")
    table = table[table["part"] != ""]
    parts = table.drop_duplicates(["patient_id", "part"]).groupby("patient_id")["part"].agg(list)
    torn = parts[parts.map(len) > 1]
    if len(torn):
        raise UserError(
            f"{cell.name} leaks: {len(torn)} patients are in two parts, the first is {torn.index[0]} "
            f"({' and '.join(sorted(torn.iloc[0]))})."
        )
    return table


def _require_disjoint(tables: Mapping[int | None, pd.DataFrame], cells: Mapping[int | None, Cell]) -> None:
    owner: dict[str, int | None] = {}
    for fold, table in tables.items():
        for patient in table.loc[table["part"] == "test", "patient_id"].unique():
            if patient in owner:
                raise UserError(
                    f"folds {owner[patient]} and {fold} overlap: patient {patient} tests in both "
                    f"({cells[owner[patient]].name}, {cells[fold].name}); a copied folder?"
                )
            owner[patient] = fold
    if None in tables:
        return
    pools = [set(table.loc[table["part"] != EXTERNAL, "image_id"]) for table in tables.values()]
    tested = {image for table in tables.values() for image in table.loc[table["part"] == "test", "image_id"]}
    if untested := sorted(set().union(*pools) - tested):
        raise UserError(
            f"the folds are not exhaustive: {len(untested):,} images, the first is {untested[0]}, train or validate in "
            "some fold and test in none."
        )


def require_same_boxes(design: Design) -> None:
    """Refuse arms that used boxes differently and were not scored on the same sealed ones.

    Which patients test, and that none of them trains, is proved by `require_sound_folds`: with equal sealed rows beside
    it, an arm that trained on boxes of its training patients may stand beside one that did not.

    Raises:
        UserError: names both runs, their uses of boxes, and the number of sealed pairs.
    """
    cells = cells_of(design)
    if len({str(cell.summary["protocol"]["uses_of_boxes"]) for cell in cells}) < 2:
        return
    first: dict[int | None, tuple[Cell, frozenset[tuple[str, str]]]] = {}
    for cell in cells:
        rows = read_sealed(cell)
        other, theirs = first.setdefault(cell.fold, (cell, rows))
        if rows != theirs:
            one, two = (f"{c.name} ({c.summary['protocol']['uses_of_boxes']})" for c in (other, cell))
            raise UserError(
                f"{one} and {two} use boxes differently and were scored on other sealed boxes ({len(theirs):,} and "
                f"{len(rows):,} pairs); arms with and without guidance need the same split and the same sealed boxes."
            )


def read_sealed(cell: Cell) -> frozenset[tuple[str, str]]:
    """Return the (image, finding) pairs of a run's sealed half; none where no map was scored."""
    if not cell.folder.localization.is_file():
        return frozenset()
    with whole_or_refused(cell.folder.localization):
        kept = ["image_id", "finding"]
        table = pd.read_parquet(cell.folder.localization, columns=kept, filters=[("half", "==", "sealed")])
        return frozenset(zip(table["image_id"], table["finding"], strict=True))


def require_external_unseen(tables: Mapping[int | None, pd.DataFrame]) -> None:
    """Refuse to score an ensemble on patients that a fold trained, chose its epoch or tested on.

    Raises:
        UserError: names the fold and a patient, or says that nothing is held out.
    """
    if None in tables:
        raise UserError("no ensemble of the folds is scored: these runs have no folds.")
    held = {fold: set(table.loc[table["part"] == EXTERNAL, "patient_id"]) for fold, table in tables.items()}
    outside = set().union(*held.values())
    if not outside:
        raise UserError(
            "no ensemble of the folds is scored: every study was trained on by some fold. With split.pool=train_val "
            "the published test list is held out for it."
        )
    for fold, table in tables.items():
        if seen := outside & set(table.loc[table["part"] != EXTERNAL, "patient_id"]):
            raise UserError(f"the ensemble leaks: patient {min(seen)} is held out, and fold {fold} used them.")


def require_own_predictions(cells: Iterable[Cell], digests: Mapping[str, str]) -> None:
    """Refuse equal predictions of different folds or seeds: a folder was copied.

    Arms may agree: another explainer does not change what is predicted.

    Args:
        cells: all of them.
        digests: name of the run → hash over its tested images and logits.

    Raises:
        UserError: names both runs.
    """
    seen: dict[str, Cell] = {}
    for cell in cells:
        other = seen.setdefault(digests[cell.name], cell)
        if (other.fold, other.seed) != (cell.fold, cell.seed):
            raise UserError(
                f"{other.name} and {cell.name} have equal predictions, though fold or seed differ; a copied folder?"
            )
