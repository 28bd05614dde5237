"""Synthetic studies for rare findings: MLSMOTE between neighbors in an embedding, blended when they are served.

Charte et al., MLSMOTE: approaching imbalanced multilabel learning through synthetic instance generation,
Knowledge-Based Systems 89, 2015 (https://doi.org/10.1016/j.knosys.2015.07.019). Distances are taken in an embedding,
because those between raw pixels mostly tell how a patient stood; the blend is of pixels, because that is what a
network can be shown.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxr_xai.data.balancing.embedding import embed_thumbnails
from cxr_xai.data.balancing.imbalance import minority_findings
from cxr_xai.data.balancing.neighbors import nearest_in_bag
from cxr_xai.data.balancing.plan import BalancePlan, TrainingPart
from cxr_xai.data.balancing.synthetic import Synthetic, rank_labels
from cxr_xai.data.films.files import Films, Selection
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS, INDEX, canonical

Embed = Callable[[Films, int], npt.NDArray[np.float32]]
"""``(films, n)`` → ``(n, d)`` features of ``films[0]`` to ``films[n - 1]``."""


def synthesize(
    targets: npt.NDArray[np.float32],
    bag: npt.NDArray[np.int64],
    embedding: npt.NDArray[np.float32],
    k: int,
    count: int,
    random: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return base ``(count,)``, neighbors ``(count, k)`` and labels ``(count, K)`` of the synthetic studies of a bag.

    Every member is a base equally often, or once more. The bag's own finding is always set, since all have it.

    Args:
        targets: ``(n, K)`` of the training part.
        bag: ``(m,)`` positions of the studies with one finding, two or more.
        embedding: ``(m, d)`` of the bag.
        k: neighbors; in a bag of fewer than k + 1 each member has all the others, repeated in turn.
        count: of synthetic studies.
        random: chooses the members that are a base once more.
    """
    nearest = bag[nearest_in_bag(embedding, k)]
    labels = rank_labels(targets[np.column_stack([bag, nearest])])
    chosen = np.sort(np.resize(random.permutation(len(bag)), count))
    return bag[chosen], nearest[chosen][:, np.arange(k) % nearest.shape[1]], labels[chosen]


class Smote:
    """One synthetic study per positive study of each minority finding.

    Bags hold real studies only: no synthetic study is made from another. A neighbor may be another film of the same
    patient. A finding with fewer than two positive studies gets none.

    Args:
        k: neighbors among the studies that share the finding.
        amount: synthetic studies per member of a bag; 1.5 takes every member once and half of them twice.
        findings: names; None takes the findings with IRLbl above MeanIR, about three of the release's 14.
        embedding: ``pca`` of thumbnails, fitted on the training part; ``backbone`` takes the features of ``embed``.
        components: of the PCA.
        seed: of the films the PCA is fitted to, of bases and of blends.
        embed: features for ``backbone``; asked only for films that may be blended.
    """

    def __init__(
        self,
        k: int = 5,
        amount: float = 1.0,
        findings: list[str] | None = None,
        embedding: Literal["pca", "backbone"] = "pca",
        components: int = 64,
        seed: int = 0,
        embed: Embed | None = None,
    ) -> None:
        if min(k, components) < 1:
            raise UserError(f"balancing.k is {k} and balancing.components {components}; both must be 1 or more.")
        if not 0 < amount < np.inf:
            raise UserError(f"balancing.amount is {amount}; it must be above 0, or use balancing=none.")
        if embedding == "backbone" and embed is None:
            raise UserError(
                "balancing.embedding is backbone, and no features were handed in; "
                "use balancing.embedding=pca, or hand `embed` to Smote from Python."
            )
        self.k, self.amount, self.components, self.seed = k, amount, components, seed
        self.columns = None if findings is None else columns_of(findings)
        self.embed = embed if embedding == "backbone" else None

    def plan(self, part: TrainingPart) -> BalancePlan:
        """Find bags, neighbors and labels; films are read in chunks and none is kept."""
        targets = part.targets
        columns = minority_findings(targets) if self.columns is None else self.columns
        bags = {column: np.flatnonzero(targets[:, column] == 1) for column in columns}
        counts = {column: max(round(self.amount * len(bag)), 1) if len(bag) > 1 else 0 for column, bag in bags.items()}
        named = {FINDINGS[column]: count for column, count in counts.items()}
        bags = {column: bag for column, bag in bags.items() if counts[column]}
        if not bags:
            return BalancePlan(counts=named)
        members = np.unique(np.concatenate(list(bags.values())))
        embedded = self._embed(part, members)
        made = []
        for column, bag in bags.items():
            random = np.random.default_rng([self.seed, column])
            found = embedded[np.searchsorted(members, bag)]
            made.append(synthesize(targets, bag, found, self.k, counts[column], random))
        base, neighbors, labels = (np.concatenate(arrays) for arrays in zip(*made, strict=True))
        return BalancePlan(synthetic=Synthetic(base, neighbors, labels, self.seed), counts=named)

    def _embed(self, part: TrainingPart, members: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        if self.embed is not None:
            return self.embed(Selection(part.films, members), len(members))
        return embed_thumbnails(part.films, len(part.targets), members, self.components, self.seed)


def columns_of(names: list[str]) -> list[int]:
    """Return the columns of findings by name, each once, in the order of ``FINDINGS``.

    Raises:
        UserError: a name that is none of the 14.
    """
    for name in names:
        if canonical(name) not in INDEX:
            raise UserError(f"balancing.findings holds {name!r}; the findings are {', '.join(FINDINGS)}.")
    return sorted({INDEX[canonical(name)] for name in names})
