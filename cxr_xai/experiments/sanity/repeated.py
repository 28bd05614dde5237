"""Maps over seeds, networks and mild changes of the film; and the maps of several findings of one film."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.reopen import find_run, load_model, read_settings, read_step
from cxr_xai.experiments.sanity.lesioned import OTHER
from cxr_xai.experiments.sanity.subject import Films, Subject, common_findings, partners_of
from cxr_xai.experiments.terminal import console
from cxr_xai.experiments.verification.evidence import require_known_targets
from cxr_xai.explainers.contract import Explainer
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.faithfulness.orders import find_dead
from cxr_xai.metrics.sanity.repeatability import MILD, agreement, equivariance
from cxr_xai.metrics.sanity.similarity import findings_alike, findings_alike_elsewhere, other_patients, pairs_of

Settings = Mapping[str, Any]
STILL = "fixed map"


def measure_equivariance(subject: Subject, explainer: Explainer) -> pd.DataFrame:
    """Compare maps of changed films with changed maps, beside a map that does not move with the film."""
    films, parts = subject.films, []
    first = subject.plain_maps(explainer)[:, None]
    image = films.image[films.position]
    for mild in MILD:

        def explain(shown: Tensor) -> Tensor:
            # one changed film per pair comes in; each film is explained once
            moved = torch.zeros_like(films.image)
            moved[films.position] = shown
            return subject.explain(explainer, films, image=moved)[:, None]

        scores, still = equivariance(explain, image, mild, first), equivariance(lambda _: first, image, mild, first)
        columns = {key: value[:, 0].numpy() for key, value in scores.items()}
        columns |= {f"{key}@{STILL}": still[key][:, 0].numpy() for key in ("spearman", "displacement")}
        parts.append(pd.concat([films.table.assign(condition=mild.name), pd.DataFrame(columns)], axis=1))
    return pd.concat(parts, ignore_index=True)


def measure_agreement(subject: Subject, runs: Mapping[str, Sequence[Tensor]]) -> pd.DataFrame:
    """Compare maps of the same pairs over runs, beside maps of the same finding on another patient's film.

    Args:
        subject: the network and its films.
        runs: what varies → ``(M, h, w)`` maps of each run.
    """
    films = subject.films
    parts = [pd.DataFrame(columns=[*films.table, "condition", "dead"])]
    partner, lonely = partners_of(films.table)
    for name, maps in runs.items():
        scores = agreement(torch.stack(list(maps)), subject.size)
        other = agreement(torch.stack([maps[0], maps[0][partner]]), subject.size)
        columns = {key: value.numpy() for key, value in scores.items()}
        for key in ("spearman", "displacement", "icc"):
            columns[f"{key}@{OTHER}"] = other[key].where(~lonely, torch.nan).numpy()
        parts.append(pd.concat([films.table.assign(condition=name), pd.DataFrame(columns)], axis=1))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def explain_again(
    subject: Subject, rebuild: Callable[[int], Explainer | None], settings: Settings
) -> dict[str, list[Tensor]]:
    """Explain with other seeds of the explainer, where it has any, and on other networks.

    Args:
        subject: the network and its films.
        rebuild: seed → the explainer with it; None where nothing is drawn.
        settings: ``explainer_seeds`` and ``others``, run folders with networks of the same task.
    """
    runs: dict[str, list[Tensor]] = {}
    seeds = range(settings["explainer_seeds"])
    built = [rebuild(seed) for seed in seeds]
    if len(built) > 1 and all(one is not None for one in built):
        runs["seeds of the explainer"] = [subject.explain(one, subject.films) for one in built if one is not None]
    plain = rebuild(-1)
    if plain is None:
        return runs
    own = subject.plain_maps(plain)
    others = [load_model(*one).to(subject.device) for one in other_networks(subject, settings)]
    if others:
        runs["networks"] = [own, *(subject.explain(plain, subject.films, network) for network in others)]
    if (last := subject.folder.last).is_file():
        if (step := read_step(last)) == read_step(subject.folder.best):
            console.print(f"best and last checkpoint are one network (step {step:,}): not compared")
        else:
            network = load_model(subject.folder, subject.trained, last).to(subject.device)
            runs["best and last checkpoint"] = [own, subject.explain(plain, subject.films, network)]
    return runs


def other_networks(subject: Subject, settings: Settings) -> list[tuple[RunFolder, Settings]]:
    """Return the run folders of ``others`` with their settings.

    Raises:
        UserError: one is no run folder, or its films have another size.
    """
    found: list[tuple[RunFolder, Settings]] = []
    for place in settings["others"]:
        folder = find_run(Path(place))
        trained = read_settings(folder)
        require_known_targets(trained)
        if trained["datamodule"]["image_size"] != subject.size[0]:
            raise UserError(f"others: {place} was trained on films of another size than {subject.size[0]} px.")
        found.append((folder, trained))
    return found


def measure_findings(subject: Subject, explainer: Explainer, settings: Settings) -> pd.DataFrame:
    """Compare the maps of different findings of one film, beside those of the same two findings of two films."""
    films = subject.films
    findings, count = common_findings(films, settings["findings"]), len(films.image)
    first, second = pairs_of(len(findings))
    if not first:
        return pd.DataFrame(columns=["condition", "image_id", "patient_id", "finding", "spearman", "dead"])
    every = Films(
        films.image, pd.DataFrame(), np.repeat(np.arange(count), len(findings)), np.tile(np.array(findings), count)
    )
    maps = subject.explain(explainer, every)
    maps = maps.view(count, len(findings), *maps.shape[1:])
    names = films.table.drop_duplicates("image_id").reset_index(drop=True)
    partner = other_patients(list(names["patient_id"]))
    here, there = findings_alike(maps), findings_alike_elsewhere(maps, partner)
    dead = find_dead(maps)
    alone = torch.tensor([partner[n] == n for n in range(count)])
    parts = []
    words = "within a film"
    for column, (f, g) in enumerate(zip(first, second, strict=True)):
        values = {key: here[key][:, column].numpy() for key in here}
        values |= {f"{key}@{OTHER}": there[key][:, column].where(~alone, torch.nan).numpy() for key in there}
        pair = f"{FINDINGS[findings[f]]} and {FINDINGS[findings[g]]}"
        rows = names.assign(condition=words, finding=pair, dead=(dead[:, f] | dead[:, g]).numpy(), **values)
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)
