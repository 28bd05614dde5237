"""Scores a folder of maps, whoever made them: python scripts/score.py maps=<folder> datamodule=nih."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from cxr_xai.artifacts.ledger import What, note_read
from cxr_xai.artifacts.maps_folder import FoundMaps, Pair, StoredMap, read_maps
from cxr_xai.callbacks.box_probe import RULE, THRESHOLD
from cxr_xai.data.boxes import BoxedPairs, pair_boxes
from cxr_xai.data.splits.box_halves import HALVES, box_half
from cxr_xai.errors import UserError
from cxr_xai.experiments.controls.run import build_source, read_boxes
from cxr_xai.experiments.controls.summarize import summarize_controls, summarize_maps, tabulate_controls
from cxr_xai.experiments.require import require_folder, require_numbers, require_share
from cxr_xai.experiments.score.measure import Scored, choose_pairs, score_found
from cxr_xai.experiments.score.show import print_score
from cxr_xai.experiments.terminal import ProgressBar, console, quiet_libraries
from cxr_xai.files import whole, write_csv, write_json
from cxr_xai.heatmap import RESIZE_RULE
from cxr_xai.report.judged import judged_by
from cxr_xai.report.scored import write_scored_report

SCHEMA_VERSION = 1

Settings = Mapping[str, Any]


def run_score(settings: Settings, choices: Mapping[str, str]) -> None:
    """Read, score, write and print.

    Raises:
        UserError: nothing can be scored; or, when all else is written, a file was skipped.
    """
    quiet_libraries()
    require_numbers(settings, replicates=1)
    threshold = require_share(settings, "predicted_from")
    if settings["boxes"] not in ("all", *HALVES):
        raise UserError(f"boxes={settings['boxes']}: expected all, {' or '.join(HALVES)}.")
    path = Path(settings["maps"])
    datamodule = build_source(settings)
    boxes, size, index = read_boxes(datamodule), datamodule.image_size, datamodule.tables
    pairs = pair_boxes(boxes, size, index.masks)
    if settings["boxes"] != "all":
        pairs = choose_pairs(pairs, pairs.table["patient_id"].map(box_half) == settings["boxes"])
    wanted = set(zip(pairs.table["image_id"], pairs.table["finding"], strict=True))
    found = read_maps(path, wanted, index.studies["image_id"], size, ProgressBar("maps"))
    name = found.about["name"] or "maps"
    if not found.maps:
        raise UserError(_nothing(path, found))
    folder = require_folder(Path(settings["output"] or Path(settings["paths"]["outputs"]) / "score" / name))
    note_ledger(path, found.maps, pairs)
    with console.status("scoring …"):
        scored = score_found(pairs, found, boxes, size, settings["seed"])
        summary = summarize(scored, found, settings["replicates"], threshold)
    summary["protocol"] = {
        "source": index.name,
        "sources": dict(index.sources),
        "boxes": settings["boxes"],
        "judged_by": judged_by(index.masks),
        "image_size": size,
        "resize": RESIZE_RULE,
        "threshold": THRESHOLD,
        "rule": RULE,
        "predicted_from": threshold,
        "choices": dict(choices),
    }
    write_score(folder, scored, found, summary)
    print_score(summary, folder)
    if found.counts["files skipped"]:
        raise UserError(
            f"{found.counts['files skipped']} of {found.counts['files']} files were skipped, named above and in "
            f"{folder / 'problems.csv'}; all others are scored."
        )
    if found.problems["skipped"].any():
        raise UserError(
            f"{int(found.problems['skipped'].sum())} names are no image of the label file (first: "
            f"{found.problems.loc[found.problems['skipped'], 'image_id'].iloc[0]}); see {folder / 'problems.csv'}. "
            "All others are scored."
        )


def _nothing(path: Path, found: FoundMaps) -> str:
    why = f" First problem: {found.problems['file'][0]} {found.problems['problem'][0]}." if len(found.problems) else ""
    return (
        f"{path} has no map of a boxed finding of a boxed image among its {found.counts['files']} files "
        f"({found.counts['other maps']} other maps).{why} Look at names of images and findings."
    )


def summarize(scored: Scored, found: FoundMaps, replicates: int, threshold: float) -> dict[str, Any]:
    """Return everything that is printed, in plain types; a probability of at least the threshold is a prediction."""
    made = scored.maps[scored.maps["prob"] >= threshold]
    known = bool(scored.maps["prob"].notna().any())
    predicted = set(zip(made["image_id"], made["finding"], strict=True)) if known else None
    return {
        "schema_version": SCHEMA_VERSION,
        "maps": dict(found.about),
        "counts": {**found.counts, "boxed pairs without a map": len(scored.missing)},
        "dead": int(scored.maps["dead"].sum()),
        "missing": {str(name): int(n) for name, n in scored.missing["finding"].value_counts().items()},
        "grids": {str(grid): int(n) for grid, n in scored.maps["grid"].value_counts().items()},
        "problems": found.problems.to_dict("records"),
        "localization": summarize_maps(scored.maps, replicates, predicted=predicted),
        "controls": summarize_controls(scored.controls, replicates),
    }


def write_score(folder: Path, scored: Scored, found: FoundMaps, summary: Mapping[str, Any]) -> None:
    """Write tables, summary and page, each whole."""
    with whole(folder / "localization.parquet") as partial:
        scored.maps.to_parquet(partial, index=False)
    write_csv(folder / "localization.csv", scored.maps)
    write_csv(folder / "problems.csv", found.problems)
    write_csv(folder / "missing.csv", scored.missing)
    write_csv(folder / "controls.csv", tabulate(summary))
    write_json(folder / "summary.json", summary)
    write_scored_report(folder / "report.html", summary, tabulate(summary))


def tabulate(summary: Mapping[str, Any]) -> pd.DataFrame:
    """Return maps and controls as rows of `tabulate_controls`; the grid is that of most maps."""
    grid = next(iter(summary["grids"])).split("x")
    both = {summary["maps"]["name"] or "maps": summary["localization"], **summary["controls"]}
    return tabulate_controls(both, (int(grid[0]), int(grid[1])), summary["protocol"]["image_size"])


def note_ledger(path: Path, maps: Mapping[Pair, StoredMap], pairs: BoxedPairs) -> None:
    """Note in a run's ledger how many of its stored maps were scored on boxes of each half; nothing elsewhere.

    Args:
        path: of the maps; those of other programs lie in no run.
        maps: by ``(image_id, finding)``. The run's name of a file says its half; another's is the patient's.
        pairs: the boxed pairs.
    """
    run = next((place for place in path.resolve().parents if (place / "certificate.json").is_file()), None)
    if run is None:
        return
    reads = {name.partition(" ")[0]: name for name in get_args(What)}
    rows = dict.fromkeys(HALVES, 0)
    for image, patient, finding in pairs.table[["image_id", "patient_id", "finding"]].itertuples(index=False):
        if stored := maps.get((image, finding)):
            named = stored.file.partition("-")[0]
            rows[named if named in HALVES else box_half(patient)] += 1
    for half, scored in rows.items():
        if scored:
            note_read(run / "ledger.csv", reads[half], "stored maps scored", scored)
