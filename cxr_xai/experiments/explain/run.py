"""Films in, explanations out: one folder with pictures, raw maps, scores and a page."""

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from cxr_xai.artifacts.certificate import describe_code
from cxr_xai.artifacts.explained_folder import SCORE_COLUMNS, ExplainedFolder
from cxr_xai.artifacts.ledger import note_read
from cxr_xai.data.boxes import read_box_list
from cxr_xai.data.transforms.photometric import to_unit
from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.ask import Asked, choose_findings, read_findings
from cxr_xai.experiments.explain.films import Film, find_films, read_films
from cxr_xai.experiments.explain.maps import Maps, make_key, read_maps, write_maps
from cxr_xai.experiments.explain.network import Network, Said, open_network
from cxr_xai.experiments.explain.picture import draw_film
from cxr_xai.experiments.explain.score import BOX_SCORES, boxed_findings, boxes_of, measure_map, score_map
from cxr_xai.experiments.explain.terminal import print_explained
from cxr_xai.experiments.terminal import ProgressBar, quiet_libraries
from cxr_xai.files import whole, write_csv
from cxr_xai.findings import FINDINGS
from cxr_xai.report.explained import write_explained_report
from cxr_xai.visualization.embed import encode_png

Settings = Mapping[str, Any]


@dataclass
class Batch:
    """Films that go through the network together.

    Attributes:
        films: fit ones.
        said: what the network says about them.
        chosen: columns explained, one list a film.
    """

    films: list[Film]
    said: Said
    chosen: list[list[int]]


def run_explain(settings: Settings) -> None:
    """Explain what ``conf/explain.yaml`` names.

    Raises:
        UserError: something is not there; or films could not be used, found at the end.
    """
    quiet_libraries()
    if not isinstance(settings["batch_size"], int) or settings["batch_size"] < 1:
        raise UserError(f"batch_size={settings['batch_size']}; it must be 1 or more, a whole number.")
    found = find_films(settings["images"])
    asked = read_findings(settings["findings"])
    boxes = None if settings["boxes"] is None else read_list(Path(settings["boxes"]))
    network = open_network(settings)
    if boxes is not None:
        note_read(network.folder.ledger, "sealed boxes", "films explained", count_boxed(boxes, found))
    output = settings["output"] or network.folder.path / "explained" / Path(settings["images"]).resolve().stem
    folder = ExplainedFolder(output)
    rows, bad = explain_films(network, found, asked, boxes, folder, settings["batch_size"])
    if not rows:
        raise UserError(f"none of {len(bad)} films can be used: {name_some(bad)}.")
    table = pd.DataFrame(rows)
    write_csv(folder.scores, table[list(SCORE_COLUMNS)])
    folder.write_record(describe(network, settings, asked, table, bad))
    page = write_explained_report(folder)
    print_explained(table, network.explainers, page)
    if bad:
        raise UserError(f"{len(bad)} of {len(found)} films cannot be used: {name_some(bad)}; the others are explained.")


def read_list(path: Path) -> pd.DataFrame:
    """Read the box list that was asked for."""
    if not path.is_file():
        raise UserError(f"boxes={path}: no such file.")
    return read_box_list(path)


def count_boxed(boxes: pd.DataFrame, found: Sequence[tuple[str, Path]]) -> int:
    """Return how many (film, finding) pairs of the films found have boxes."""
    return sum(len(boxed_findings(boxes, image_id)) for image_id, _ in found)


def explain_films(
    network: Network,
    found: Sequence[tuple[str, Path]],
    asked: Asked,
    boxes: pd.DataFrame | None,
    folder: ExplainedFolder,
    batch_size: int,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Explain film after film; return the rows of the table of scores, and why films were left out, by image id."""
    progress = ProgressBar("explaining")
    rows: list[dict[str, Any]] = []
    bad: dict[str, str] = {}
    total, done = len(found) * len(network.explainers), 0
    films = read_films(list(found), network.image_size)
    progress(0, total)
    for part in batched(films, batch_size):
        fit = [film for film in part if film.pixels is not None]
        bad |= {film.image_id: film.problem for film in part if film.pixels is None}
        maps: dict[str, list[Maps]] = {}
        batch = listen(network, fit, asked, boxes) if fit else None
        for label in network.explainers:
            if batch is not None:
                maps[label] = explain_batch(network, label, batch, folder)
            progress(done := done + len(part), total)
        if batch is not None:
            rows += finish_batch(network, batch, maps, boxes, folder)
    return rows, bad


def batched(films: Iterator[Film], size: int) -> Iterator[list[Film]]:
    """Yield lists of at most ``size`` films."""
    while part := list(itertools.islice(films, size)):
        yield part


def listen(network: Network, films: list[Film], asked: Asked, boxes: pd.DataFrame | None) -> Batch:
    """Predict films and choose what is explained of each: what was asked for, and what has a box."""
    said, chosen = network.say(unit(films)), []
    for number, film in enumerate(films):
        columns = choose_findings(asked, said.calibrated[number], said.pred[number], said.prob[number])
        chosen.append(list(dict.fromkeys([*columns, *boxed_findings(boxes, film.image_id)])))
    return Batch(films, said, chosen)


def unit(films: Sequence[Film]) -> torch.Tensor:
    """Return ``(N, 1, H, W)`` in [0, 1]."""
    return to_unit(torch.from_numpy(np.stack([film.pixels for film in films if film.pixels is not None])[:, None]))


def explain_batch(network: Network, label: str, batch: Batch, folder: ExplainedFolder) -> list[Maps]:
    """Return the maps of each film by one explainer, made now or at an earlier time."""
    paths = [folder.maps(label) / f"{film.stem}.npz" for film in batch.films]
    names = [[FINDINGS[k] for k in chosen] for chosen in batch.chosen]
    described = network.described[label]
    keys = [make_key(network.weights, described, film.sha256, of) for film, of in zip(batch.films, names, strict=True)]
    maps = [read_maps(path, key) for path, key in zip(paths, keys, strict=True)]
    due = [number for number, one in enumerate(maps) if one is None]
    if due:
        union = sorted({k for number in due for k in batch.chosen[number]})
        image = unit([batch.films[number] for number in due]).to(network.device)
        explanation = network.explainers[label].explain(network.model, image, union)
        residual = explanation.residual
        for place, number in enumerate(due):
            columns = [union.index(k) for k in batch.chosen[number]]
            missing = torch.full((len(columns),), torch.nan)
            maps[number] = made = Maps(
                tuple(names[number]),
                explanation.attribution[place, columns].cpu().numpy(),
                (missing if residual is None else residual[place, columns].cpu()).numpy(),
            )
            write_maps(paths[number], made, keys[number])
    return [one for one in maps if one is not None]


def finish_batch(
    network: Network,
    batch: Batch,
    maps: Mapping[str, Sequence[Maps]],
    boxes: pd.DataFrame | None,
    folder: ExplainedFolder,
) -> list[dict[str, Any]]:
    """Score and draw films whose maps are there; return their rows."""
    rows = []
    for number, film in enumerate(batch.films):
        mine = []
        for place, k in enumerate(batch.chosen[number]):
            said = {
                "image_id": film.image_id,
                "finding": FINDINGS[k],
                "logit": float(batch.said.logits[number, k]),
                "prob": float(batch.said.prob[number, k]),
                "calibrated": float(batch.said.calibrated[number, k]),
                "threshold": float(network.decision.thresholds[k]),
                "pred": bool(batch.said.pred[number, k]),
            }
            own = boxes_of(boxes, film.image_id, FINDINGS[k], network.image_size)
            for label, of in maps.items():
                attribution = of[number].attribution[place]
                scores = score_map(attribution, own, network.image_size)
                residual = float(of[number].residual[place])
                measured = {**measure_map(attribution), "residual": residual, "boxes": len(own), **scores}
                mine.append({**said, "explainer": label, **measured})
        shown = {label: of[number].attribution for label, of in maps.items()}
        picture = draw_film(film, mine, shown, boxes, network.image_size)
        with whole(folder.sheet(film.stem)) as partial:
            partial.write_bytes(encode_png(picture))
        rows += mine
    return rows


def describe(
    network: Network, settings: Settings, asked: Asked, table: pd.DataFrame, bad: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the explanations rest on, and what was left out."""
    return {
        "run": network.folder.path.name,
        "weights_sha256": network.weights,
        "epoch": network.decision.epoch,
        "images": Path(settings["images"]).name,
        "films": int(table["image_id"].nunique()),
        "left_out": dict(bad),
        "findings": asked,
        "scored_against_boxes": settings["boxes"] is not None,
        "box_scores": list(BOX_SCORES),
        "explainers": network.described,
        "code": describe_code(),
        "written": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
    }


def name_some(bad: Mapping[str, str], most: int = 3) -> str:
    """Name the first few films and what is wrong with them."""
    named = [f"{image_id} ({problem})" for image_id, problem in list(bad.items())[:most]]
    return ", ".join(named) + (f" and {len(bad) - most} more" if len(bad) > most else "")
