"""Predicts films without labels: python scripts/predict.py checkpoint=<run or exported file> folder=FILMS."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.artifacts.certificate import describe_code, hash_code
from cxr_xai.artifacts.predicted_folder import SCHEMA_VERSION, PredictedFolder
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.ask import Asked, choose_findings, read_findings
from cxr_xai.experiments.explain.run import name_some
from cxr_xai.experiments.export.network import Answer
from cxr_xai.experiments.predict.films import (
    Entry,
    Read,
    list_entries,
    note_oddities,
    read_entries,
    to_image,
    workers,
)
from cxr_xai.experiments.predict.finish import count_reasons, write_tables
from cxr_xai.experiments.predict.network import Network, open_network
from cxr_xai.experiments.predict.parts import Parts
from cxr_xai.experiments.predict.picture import draw_film
from cxr_xai.experiments.predict.rows import tabulate
from cxr_xai.experiments.predict.terminal import print_predicted
from cxr_xai.experiments.require import require_folder, require_numbers
from cxr_xai.experiments.state import claim_run, move_aside
from cxr_xai.experiments.terminal import ProgressBar, console, quiet_libraries
from cxr_xai.files import whole
from cxr_xai.metrics.calibration.contract import sigmoid
from cxr_xai.report.predicted import write_predicted_report
from cxr_xai.visualization.embed import encode_png

Settings = Mapping[str, Any]

OWN = tuple(f"experiments/{place}" for place in ("predict/", "export/", "explain/ask.py", "explain/films.py"))
"""Code that predictions rest on beside that of runs."""

PART = 64
"""Films per part: what a kill costs at most."""


def run_predict(settings: Settings) -> None:
    """Predict what ``conf/predict.yaml`` names; a prediction that was killed continues, and new films are added.

    Raises:
        UserError: a setting is unfit, something is not there, no film can be used, or another network predicted here.
    """
    quiet_libraries()
    require_numbers(settings, optional=("panels",), batch_size=1, most_maps=1, panels=0)
    if not isinstance(settings["fresh"], bool):
        raise UserError(f"fresh={settings['fresh']}: expected true or false.")
    asked = read_findings(settings["findings"])
    if not Path(settings["folder"]).exists():
        raise UserError(f"folder={settings['folder']}: no such file or folder.")
    network = open_network(settings["checkpoint"], settings["device"])
    place = settings["output"] or network.place / "predicted" / name_output(settings["folder"], network)
    folder = PredictedFolder(place)
    entries = list_entries(settings["folder"], folder.path)
    if settings["fresh"] and (aside := move_aside(RunFolder(folder.path))):
        console.print(f"moved the former predictions to {aside}", soft_wrap=True)
    require_folder(folder.path)
    with claim_run(RunFolder(folder.path)):
        predict_folder(network, entries, asked, folder, settings)


def name_output(folder: str, network: Network) -> str:
    """Return ``<name of the folder>-<hash8>``: folders of one name elsewhere, and other weights, have their own."""
    told = json.dumps([str(Path(folder).resolve()), network.sha256])
    return f"{Path(folder).resolve().stem}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def predict_folder(
    network: Network, entries: Sequence[Entry], asked: Asked, folder: PredictedFolder, settings: Settings
) -> None:
    """Do what `run_predict` says, in a folder that is ours; the record comes last."""
    told = {key: settings[key] for key in ("findings", "panels", "most_maps")}
    rests_on = [SCHEMA_VERSION, network.sha256, told, hash_code(*OWN)]
    key = hashlib.sha256(json.dumps(rests_on).encode()).hexdigest()[:16]
    if folder.record.is_file() and folder.read_record()["key"] != key:
        raise UserError(
            f"{folder.path} was made with other weights, code or settings; fresh=true moves it aside, output=… "
            "leaves it."
        )
    parts = Parts(folder.parts, key)
    films = select_present(parts.read_films(), entries)
    done = set(films["file"])
    due = [entry for entry in entries if entry.file not in done]
    if not due and folder.record.is_file() and folder.read_record()["listed"] == len(films):
        console.print(f"{folder.path} is complete; fresh=true would start anew.", soft_wrap=True)
    else:
        folder.record.unlink(missing_ok=True)
        predict_parts(network, entries, due, asked, parts, folder, settings)
        films = note_oddities(select_present(parts.read_films(), entries), network.image_size, network.met)
        found = write_tables(folder, parts, films)
        if not found:
            bad = dict(zip(films["file"], films["problem"], strict=True))
            raise UserError(f"none of {len(bad):,} films can be used: {name_some(bad)}.")
        folder.write_record({**describe(network, settings, films, found), "key": key})
    page = write_predicted_report(folder)
    print_predicted(folder.read_record(), page)


def select_present(films: pd.DataFrame, entries: Sequence[Entry]) -> pd.DataFrame:
    """Return the rows of films that are in the folder, unchanged since they were predicted."""
    now = {entry.file: entry.identity for entry in entries}
    kept = [
        now.get(file) == (file, size, changed)
        for file, size, changed in zip(films["file"], films["bytes"], films["changed"], strict=True)
    ]
    return films[np.array(kept, bool)].reset_index(drop=True)


def predict_parts(
    network: Network,
    entries: Sequence[Entry],
    due: Sequence[Entry],
    asked: Asked,
    parts: Parts,
    folder: PredictedFolder,
    settings: Settings,
) -> None:
    """Predict the films that are due, part by part."""
    progress, done = ProgressBar("predicting"), len(entries) - len(due)
    most = len(entries) if settings["panels"] is None else settings["panels"]
    pictured = {entry.file for entry in entries[:most]}
    progress(done, len(entries))
    with ThreadPoolExecutor(workers()) as pool:
        for start in range(0, len(due), PART):
            read = read_entries(due[start : start + PART], network.image_size, pool)
            fit = [one for one in read if one.pixels is not None]
            rows = [pd.DataFrame({"file": pd.Series(dtype=str)})]
            for first in range(0, len(fit), settings["batch_size"]):
                batch = fit[first : first + settings["batch_size"]]
                said = network.say(to_image([one.pixels for one in batch if one.pixels is not None]))
                rows.append(tabulate([one.entry.file for one in batch], said, network.thresholds))
                draw_batch(batch, said, asked, pictured, folder, settings["most_maps"])
            parts.add([one.row() for one in read], pd.concat(rows, ignore_index=True))
            progress(done := done + len(read), len(entries))


def draw_batch(
    batch: Sequence[Read], said: Answer, asked: Asked, pictured: set[str], folder: PredictedFolder, most: int
) -> None:
    """Write the pictures of those films that are to have one."""
    probs = said.probs.astype(np.float64)
    for number, one in enumerate(batch):
        if one.entry.file not in pictured or one.pixels is None:
            continue
        plain = sigmoid(said.logits[number])
        chosen = choose_findings(asked, probs[number], said.preds[number], plain)[:most]
        picture = draw_film(one.pixels, said, number, chosen, one.entry.file)
        with whole(folder.panel(one.entry.file)) as partial:
            partial.write_bytes(encode_png(picture))


def describe(network: Network, settings: Settings, films: pd.DataFrame, found: dict[str, Any]) -> dict[str, Any]:
    """Return what the predictions rest on, and what was left out; of the films nothing but names and counts."""
    return {
        "run": network.name,
        "model": network.file,
        "sha256": network.sha256,
        "views": network.views,
        "source": network.source,
        "image_size": network.image_size,
        "folder": Path(settings["folder"]).resolve().name,
        "listed": len(films),
        "films": int((films["problem"] == "").sum()),
        "problems": count_reasons(films, "problem"),
        "notes": count_reasons(films, "notes"),
        "copies": int((films["copy_of"] != "").sum()),
        "inverted_known": bool((films["problem"] == "").sum() >= 20),
        "findings": found,
        "thresholds": dict(zip(found, network.thresholds.tolist(), strict=True)),
        "code": describe_code(),
        "written": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
    }
