"""Evidence taken away in the order of each map, of chance and of the finding's usual place."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.experiments.sanity.subject import Films, Subject
from cxr_xai.explainers.contract import Explainer
from cxr_xai.metrics.faithfulness.curves import (
    Ends,
    Mode,
    areas_under,
    count_removed,
    normalize_curves,
    predict_ends,
    predict_films,
    removal_logits,
    road_from_curves,
)
from cxr_xai.metrics.faithfulness.imputers import IMPUTERS, Imputer, MeanImputer, NoisyLinearImputer
from cxr_xai.metrics.faithfulness.orders import draw_ranks, find_dead, pool_cells, rank_cells
from cxr_xai.metrics.faithfulness.sensitivity import (
    Removals,
    draw_removals,
    infidelity,
    max_sensitivity,
    sensitivity_n,
)

Settings = Mapping[str, Any]
MODES: tuple[Mode, ...] = ("deletion", "insertion")
ADDS_UP = "adds up"
"""The condition under which sensitivity-n and infidelity are given."""


class Evidence:
    """What all orders of cells share, predicted when first asked for: where curves begin and end, random removals.

    Args:
        subject: the network and its films.
        settings: of the tests.
    """

    def __init__(self, subject: Subject, settings: Settings) -> None:
        self.subject, self.settings = subject, settings
        self._ends: dict[str, Ends] = {}

    @property
    def batch(self) -> int:
        """Films predicted at once."""
        return self.subject.batch * 4

    @cached_property
    def image(self) -> Tensor:
        """``(N, 1, H, W)`` on the network's device."""
        return self.subject.films.image.to(self.subject.device)

    @cached_property
    def intact(self) -> Tensor:
        """``(N, K)`` logits of the films."""
        return predict_films(self.subject.predict, self.image, self.batch)

    def ends(self, imputer: Imputer) -> Ends:
        """Return the logits of intact and wholly removed films."""
        if imputer.name not in self._ends:
            self._ends[imputer.name] = predict_ends(self.subject.predict, self.image, imputer, self.batch, self.intact)
        return self._ends[imputer.name]

    @cached_property
    def removals(self) -> Removals:
        """Random fifths of the cells under mean imputation, on the CPU."""
        cells, draws = (self.settings["cells"],) * 2, self.settings["removals"]
        found = draw_removals(
            self.subject.predict,
            self.image,
            cells,
            MeanImputer(),
            draws=draws,
            seed=self.settings["seed"],
            batch=self.batch,
            intact=self.intact,
        )
        return Removals(found.masks.cpu(), found.drops.cpu())


def chance_cells(settings: Settings) -> Tensor:
    """Return ``(S, a, b)`` values drawn by lot, the same for every film."""
    ranks = draw_ranks((settings["cells"], settings["cells"]), settings["random_orders"], settings["seed"])
    return -ranks.float() + ranks[0].numel()  # positive: a live map


def prior_cells(subject: Subject, films: Films, cells: int) -> Tensor:
    """Return ``(M, a, b)``, the usual place of each pair's finding from other patients' boxes; NaN where unknown."""
    keys = zip(films.table["finding"], films.table["patient_id"], strict=True)
    maps = torch.stack([subject.prior.heatmap(finding, patient) for finding, patient in keys])
    return pool_cells(maps, subject.size, (cells, cells))


def measure_removal(
    evidence: Evidence, values: Tensor, owner: Tensor, columns: Tensor
) -> tuple[dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]:
    """Delete and insert cells in the order of the values under every imputer.

    Args:
        evidence: of the network and its films.
        values: ``(R, a, b)`` signed evidence; dead ones give NaN.
        owner: ``(R,)`` the film of each.
        columns: ``(R, C)`` findings whose logits are followed.

    Returns:
        by imputer: ``deletion insertion drop`` and ROAD's ``road``, each ``(R, C)``; and the normalized curves by
        mode, ``(R, C, S)``.
    """
    settings, predict = evidence.settings, evidence.subject.predict
    cells, steps = settings["cells"], settings["steps"]
    ranks, counts, dead = rank_cells(values), count_removed(cells * cells, steps), find_dead(values)
    scores: dict[str, dict[str, Tensor]] = {}
    drawn: dict[str, dict[str, Tensor]] = {}
    image = evidence.image
    for name in settings["imputers"]:
        imputer: Imputer = IMPUTERS[name]()
        ends = evidence.ends(imputer)
        curves, scores[name], drawn[name] = {}, {}, {}
        for mode in MODES:
            logits = removal_logits(predict, image, ranks, owner, counts, imputer, mode, evidence.batch, ends)
            followed = logits.gather(2, columns[:, None].expand(-1, len(counts), -1)).transpose(1, 2)  # (R, C, S)
            curves[mode] = followed.where(~dead[:, None, None], torch.nan)
            flat = curves[mode].flatten(0, 1)
            areas = areas_under(flat, mode)
            scores[name][mode] = areas.area.view(columns.shape)
            scores[name]["drop"] = areas.drop.view(columns.shape)
            drawn[name][mode] = normalize_curves(flat, mode).view(followed.shape)
        if name == NoisyLinearImputer.name:
            first, second = (curves[mode].flatten(0, 1) for mode in MODES)
            scores[name]["road"] = road_from_curves(first, second).view(columns.shape)
    return scores, drawn


def order_table(
    films: Films, scores: Mapping[str, Mapping[str, Tensor]], drawn: Mapping[str, Mapping[str, Tensor]]
) -> pd.DataFrame:
    """Return one row per imputer and pair; curves as columns ``deletion 0 … deletion S``."""
    parts = []
    for name, measures in scores.items():
        table = films.table.assign(condition=name)
        columns = {key: value.numpy() for key, value in measures.items()}
        for mode, curves in drawn[name].items():
            columns |= {f"{mode} {step}": curves[:, step].numpy() for step in range(curves.shape[1])}
        parts.append(pd.concat([table, pd.DataFrame(columns)], axis=1))
    return pd.concat(parts, ignore_index=True)


def measure_map_order(evidence: Evidence, values: Tensor) -> pd.DataFrame:
    """Judge one set of values, ``(M, a, b)`` of every pair: areas, ROAD, sensitivity-n and infidelity."""
    films = evidence.subject.films
    owner, columns = torch.from_numpy(films.position), torch.from_numpy(films.finding)[:, None]
    scores, drawn = measure_removal(evidence, values, owner, columns)
    flat = {name: {key: one[:, 0] for key, one in measures.items()} for name, measures in scores.items()}
    curves = {name: {mode: one[:, 0] for mode, one in modes.items()} for name, modes in drawn.items()}
    added = films.table.assign(condition=ADDS_UP, **adds_up(evidence, values))
    table = pd.concat([order_table(films, flat, curves), added], ignore_index=True)
    return table.assign(dead=np.tile(find_dead(values).numpy(), len(scores) + 1))


def measure_chance(evidence: Evidence) -> pd.DataFrame:
    """Judge orders by lot; a film's draws serve all its findings, and the mean over the draws is given."""
    films, drawn_cells = evidence.subject.films, chance_cells(evidence.settings)
    count, number = len(films.image), len(drawn_cells)
    owner = torch.arange(count).repeat_interleave(number)
    every = torch.arange(int(films.finding.max()) + 1).expand(count * number, -1)
    scores, drawn = measure_removal(evidence, drawn_cells.repeat(count, 1, 1), owner, every)

    def mean(value: Tensor) -> Tensor:
        over = value.view(count, number, *value.shape[1:]).mean(dim=1)
        return over[films.position, films.finding]

    flat = {name: {key: mean(one) for key, one in measures.items()} for name, measures in scores.items()}
    curves = {name: {mode: mean(one) for mode, one in modes.items()} for name, modes in drawn.items()}
    sums = [adds_up(evidence, cells.expand(len(films.table), -1, -1)) for cells in drawn_cells]
    means = {key: np.mean([one[key] for one in sums], axis=0) for key in sums[0]}
    added = films.table.assign(condition=ADDS_UP, **means)
    return pd.concat([order_table(films, flat, curves), added], ignore_index=True).assign(dead=False)


def adds_up(evidence: Evidence, values: Tensor) -> dict[str, Any]:
    """Return sensitivity-n and infidelity of ``(M, a, b)`` values, under mean imputation."""
    films, (masks, drops) = evidence.subject.films, evidence.removals
    drops = drops[films.position, :, films.finding]
    return {
        "sensitivity_n": sensitivity_n(values, masks, drops).numpy(),
        "infidelity": infidelity(values, masks, drops).numpy(),
    }


def measure_sensitivity(subject: Subject, explainer: Explainer, settings: Settings) -> pd.DataFrame:
    """Return how far maps move under noise, beside a map that is the film itself."""
    films, found = subject.films, []
    radius, draws, seed = settings["radius"], settings["draws"], settings["seed"]
    for start in range(0, len(films.image), subject.batch):
        mine = np.flatnonzero((films.position >= start) & (films.position < start + subject.batch))
        findings = sorted({int(k) for k in films.finding[mine]})
        image = films.image[start : start + subject.batch].to(subject.device)

        def explain(shown: Tensor, findings: Sequence[int] = findings) -> Tensor:
            subject.meter.add(len(shown))
            return explainer.explain(subject.model, shown, findings).attribution

        scores = max_sensitivity(explain, image, radius, draws, seed).cpu()
        itself = max_sensitivity(lambda shown: shown, image, radius, draws, seed).cpu()
        columns = [findings.index(int(k)) for k in films.finding[mine]]
        place = films.position[mine] - start
        found.append(
            films.table.iloc[mine].assign(
                condition=f"noise ±{radius:g}",
                max_sensitivity=scores[place, columns].numpy(),
                **{"max_sensitivity@the film": itself[place, 0].numpy()},
            )
        )
    table = pd.concat(found).sort_index()
    return table.assign(dead=table["max_sensitivity"].isna())
