"""Where the evidence of each case should lie, and the scores of maps that say where it does."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from cxr_xai.artifacts.leaderboard_folder import SCORE_COLUMNS
from cxr_xai.callbacks.box_probe import BoxProbe
from cxr_xai.data.masks import PackedMasks
from cxr_xai.data.phantom.twins import PhantomTruth
from cxr_xai.experiments.leaderboard.subject import Subject
from cxr_xai.experiments.reliance.measure import LOCAL
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.evidence_in_mask import energy_ceiling_in_mask, evidence_in_mask, usual_place
from cxr_xai.metrics.prior import pool_to_grid
from cxr_xai.metrics.region import rasterize_boxes
from cxr_xai.metrics.scoring import score_maps

Numbers = npt.NDArray[np.int64]
MASKED = ("dead", "share", "pointing", "energy", "energy_ratio", "mask_iou")


class Bench:
    """The truth about all cases of a run; masks are made when they are first asked for, once for all explainers.

    Args:
        subject: the run.
        cases: what is judged.
        probe: of the boxes of one half, where no masks are known.
    """

    def __init__(self, subject: Subject, cases: pd.DataFrame, probe: BoxProbe | None = None) -> None:
        self.subject, self.cases, self.probe = subject, cases, probe
        self._ceilings: dict[tuple[int, int], Tensor] = {}

    @cached_property
    def masks(self) -> Tensor:
        """``(M, S, S)`` bool: the lesion of a true positive, the shortcut that a study leans on; else `_marked`."""
        if self.subject.truth is None:
            return self._marked(np.arange(len(self.cases)))
        return torch.from_numpy(np.stack([self._mask(self.subject.truth, case) for case in self._records()]))

    def score(self, numbers: Numbers, maps: Tensor) -> pd.DataFrame:
        """Score raw maps of some cases; what a shortcut says against its finding is negative evidence.

        Args:
            numbers: ``(m,)`` of the cases.
            maps: ``(m, h, w)`` raw, signed.

        Returns:
            The columns ``SCORE_COLUMNS``.
        """
        maps = maps.float().cpu()
        if self.subject.truth is None:
            return self._score_boxes(numbers, maps)
        sign = np.where(self.cases["kind"].iloc[numbers] == "against", -1.0, 1.0).astype(np.float32)
        found = evidence_in_mask(maps * torch.from_numpy(sign)[:, None, None], self.masks[numbers])
        grid = (maps.shape[1], maps.shape[2])
        scores = {key: found[key].numpy() for key in MASKED}
        return _table(numbers, {**scores, "ceiling_energy": self._ceiling(grid)[numbers].numpy()})

    def priors(self, grid: tuple[int, int]) -> pd.DataFrame:
        """Score the control that knows nothing but where other patients have each case's finding.

        Args:
            grid: of the maps that it stands beside; it is pooled to it.
        """
        if self.probe is not None:
            pairs = self.cases["pair"].to_numpy()
            found = self.probe.references(grid, ()).iloc[pairs].reset_index(drop=True)
            prior = {key: found[f"prior_{key}"].to_numpy() for key in ("pointing", "energy", "iou")}
            both = {key: found[key].to_numpy() for key in ("prior_iou", "ceiling_iou")}
            return _table(np.arange(len(self.cases)), {"dead": np.zeros(len(pairs), bool), **prior, **both})
        places = [self._usual_place(str(case["finding"]), str(case["patient_id"])) for case in self._records()]
        table = self.score(np.arange(len(self.cases)), pool_to_grid(torch.stack(places), grid).contiguous())
        undefined = torch.tensor([bool(place.isnan().any()) for place in places])
        return table.assign(dead=table["dead"] & ~undefined.numpy())  # nothing to say is not the same as dead

    def pictures(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return films, lesions and shortcuts of the cases that the page shows, in the order of their numbers."""
        shown = np.flatnonzero(self.cases["shown"])
        films = (self.subject.films(self.cases["row"].to_numpy()[shown])[:, 0] * 255).round().byte().numpy()
        blank = np.zeros(films.shape[1:], bool)
        truth = self.subject.truth
        if truth is None:
            lesions = self._marked(shown).numpy()
            return {"case": shown, "film": films, "lesion": lesions, "shortcut": np.stack([blank] * len(shown))}
        names, findings = self.cases["image_id"].to_numpy()[shown], self.cases["finding"].to_numpy()[shown]
        lesions = np.stack([truth.lesions(n).get(f, blank) for n, f in zip(names, findings, strict=True)])
        shortcuts = [[truth.shortcut(n, s) for s in truth.shortcuts(n) if s in LOCAL] for n in names]
        united = np.stack([np.any([blank, *masks], axis=0) for masks in shortcuts])
        return {"case": shown, "film": films, "lesion": lesions, "shortcut": united}

    def _records(self) -> Iterable[dict[str, str]]:
        for record in self.cases.to_dict("records"):
            yield {str(key): value for key, value in record.items()}

    def _mask(self, truth: PhantomTruth, case: dict[str, str]) -> npt.NDArray[np.bool_]:
        if case["kind"] == "lesion":
            return truth.lesions(case["image_id"])[case["finding"]]
        return truth.shortcut(case["image_id"], case["shortcut"])

    def _marked(self, numbers: Numbers) -> Tensor:
        """Return the marked pixels of cases, or their boxes where the source marks none."""
        size, packed = self.subject.data.image_size, self._packed(numbers)
        return rasterize_boxes(self._boxes(numbers), (size, size)) if packed is None else packed[slice(None)]

    def _boxes(self, numbers: Numbers) -> list[Tensor]:
        assert self.probe is not None
        return [self.probe.pairs.boxes[pair] for pair in self.cases["pair"].to_numpy()[numbers]]

    def _packed(self, numbers: Numbers) -> PackedMasks | None:
        assert self.probe is not None
        masks = self.probe.pairs.masks
        return None if masks is None else masks.take(self.cases["pair"].to_numpy()[numbers])

    def _score_boxes(self, numbers: Numbers, maps: Tensor) -> pd.DataFrame:
        assert self.probe is not None
        judged = (self._boxes(numbers), self.subject.data.image_size)
        found = score_maps(maps, *judged, masks=self._packed(numbers))
        pairs = self.cases["pair"].to_numpy()[numbers]
        beside = self.probe.references((maps.shape[1], maps.shape[2]), ()).iloc[pairs]
        scores = {key: found[key].numpy() for key in ("dead", "pointing", "energy", "energy_ratio", "mask_iou", "iou")}
        return _table(numbers, scores | {key: beside[key].to_numpy() for key in ("prior_iou", "ceiling_iou")})

    def _ceiling(self, grid: tuple[int, int]) -> Tensor:
        if grid not in self._ceilings:
            self._ceilings[grid] = energy_ceiling_in_mask(self.masks, grid)
        return self._ceilings[grid]

    @cached_property
    def _known(self) -> dict[str, tuple[Tensor, list[str]]]:
        """Lesion masks of all test studies and whose they are, by finding."""
        truth, studies = self.subject.truth, self.subject.data.index.studies
        assert truth is not None
        found: dict[str, tuple[list[npt.NDArray[np.bool_]], list[str]]] = {name: ([], []) for name in FINDINGS}
        for row in self.subject.data.dataset("test").rows:
            for finding, mask in truth.lesions(str(studies["image_id"].iloc[row])).items():
                found[finding][0].append(mask)
                found[finding][1].append(str(studies["patient_id"].iloc[row]))
        size = self.subject.data.image_size
        empty = np.zeros((0, size, size), bool)
        return {name: (torch.from_numpy(np.stack(m) if m else empty), who) for name, (m, who) in found.items()}

    def _usual_place(self, finding: str, patient: str) -> Tensor:
        masks, patients = self._known[finding]
        return usual_place(masks, patients, patient)


def _table(numbers: Numbers, scores: dict[str, npt.NDArray[np.generic]]) -> pd.DataFrame:
    """Put scores into the columns of the file; what this kind of case has not is NaN."""
    table = pd.DataFrame({"case": numbers, **scores})
    return table.reindex(columns=list(SCORE_COLUMNS))
