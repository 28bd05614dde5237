"""Partition SHAP: Owen values on a film that is halved again and again, where halving changes the most.

A rectangle's value is what it adds to the logit, averaged over its other half being there or masked, and so on upwards.
Source: Owen, Values of games with a priori unions, 1977; the algorithm and the tree are those of shap's
PartitionExplainer (Lundberg & Lee, NeurIPS 2017, https://arxiv.org/abs/1705.07874).
"""

import heapq
from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.background_films import BackgroundFilms
from cxr_xai.explainers.contract import borrow, choose_findings, fresh
from cxr_xai.types import DrawBackground, Explanation

Predict = Callable[[Tensor], Tensor]


class Rectangle(NamedTuple):
    """Rows ``top … bottom − 1`` and columns ``left … right − 1``."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def region(self) -> tuple[slice, slice]:
        """As an index of the film."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def pixels(self) -> int:
        """Return the area."""
        return (self.bottom - self.top) * (self.right - self.left)

    def halves(self) -> tuple["Rectangle", "Rectangle"]:
        """Cut across the longer side, across the rows where both are equal.

        >>> Rectangle(0, 2, 0, 3).halves()[0]
        Rectangle(top=0, bottom=2, left=0, right=1)
        """
        if self.bottom - self.top >= self.right - self.left:
            middle = self.top + (self.bottom - self.top) // 2
            return self._replace(bottom=middle), self._replace(top=middle)
        middle = self.left + (self.right - self.left) // 2
        return self._replace(right=middle), self._replace(left=middle)


class Node(NamedTuple):
    """A rectangle in one context.

    Attributes:
        rectangle: its place.
        context: ``(H, W)`` bool, what of the film is there beside it.
        without: ``(K,)`` logits of the context.
        within: ``(K,)`` logits of the context and the rectangle.
        weight: share of this context in the rectangle's value.
    """

    rectangle: Rectangle
    context: Tensor
    without: Tensor
    within: Tensor
    weight: float


class ShapPartition:
    """Maps that are fine where the logits change and coarse elsewhere; all findings share the forward passes.

    Masked pixels get the mean of background films. The map adds up to ``f(x) − f(masked)``. Where to refine is decided
    by the finding that changes most, so that the maps do not depend on which findings are asked for.

    Args:
        background: draws films of the training part.
        background_size: how many.
        max_evals: most forward passes per film, two a cut (shap does one more of odd numbers); more cut finer.
        batch_size: masked films at a time; the order of cuts depends on it.
    """

    name = "shap_partition"

    def __init__(
        self, background: DrawBackground, background_size: int = 16, max_evals: int = 256, batch_size: int = 16
    ) -> None:
        if max_evals < 4:
            raise UserError(f"explainer.max_evals is {max_evals}; a film is cut once with 4, and well with 256.")
        if batch_size < 2:
            raise UserError(f"explainer.batch_size is {batch_size}; it must be 2 or more.")
        self.background, self.background_size = BackgroundFilms(background, background_size), background_size
        self.max_evals, self.batch_size = max_evals, batch_size

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, H, W)`` maps, constant within the rectangles."""
        with borrow(model) as lent:
            image = fresh(image)
            filling = self.background.like(image).mean(dim=0)
            logits, nothing = lent(image), lent(filling[None])[0]
            maps = [
                owen_values(lent, film, filling, nothing, everything, self.max_evals - 2, self.batch_size)
                for film, everything in zip(image, logits, strict=True)
            ]
            chosen = choose_findings(findings, logits.shape[1])
            attribution = torch.stack(maps)[:, chosen]
            residual = attribution.sum(dim=(2, 3)) - (logits - nothing)[:, chosen]
            return Explanation(attribution, logits, residual)


def owen_values(
    predict: Predict, film: Tensor, filling: Tensor, nothing: Tensor, everything: Tensor, budget: int, batch_size: int
) -> Tensor:
    """Return the ``(K, H, W)`` values of one film, what a rectangle has not divided spread evenly over its pixels.

    Args:
        predict: ``(n, 1, H, W)`` → ``(n, K)``.
        film: ``(1, H, W)``.
        filling: ``(1, H, W)``, what is seen where the film is not.
        nothing: ``(K,)`` logits of the filling.
        everything: ``(K,)`` logits of the film.
        budget: forward passes.
        batch_size: of them at a time.
    """
    height, width = film.shape[-2:]
    total = film.new_zeros(len(nothing), height, width, dtype=torch.float64)
    context = torch.zeros(height, width, dtype=torch.bool, device=film.device)
    order = count()  # of ties
    queue = [(0.0, next(order), Node(Rectangle(0, height, 0, width), context, nothing, everything, 1.0))]
    spent = 0
    while queue:
        batch: list[Node] = []
        while queue and 2 * len(batch) < batch_size and 2 * len(batch) + 2 <= budget - spent:
            node = heapq.heappop(queue)[2]
            if node.rectangle.pixels == 1:
                _credit(total, node)
            else:
                batch.append(node)
        if not batch:  # the budget is spent, or every pixel has its own value
            break
        contexts = torch.stack([_add(node, half) for node in batch for half in node.rectangle.halves()])
        answers = predict(torch.where(contexts[:, None], film, filling))
        spent += len(contexts)
        children = [child for i, node in enumerate(batch) for child in _cut(node, contexts, answers, 2 * i)]
        changes = torch.stack([(child.within - child.without).abs().max() * child.weight for child in children])
        for change, child in zip(changes.tolist(), children, strict=True):
            heapq.heappush(queue, (-change, next(order), child))
    for _, _, node in queue:
        _credit(total, node)
    return total.float()


def _add(node: Node, half: Rectangle) -> Tensor:
    context = node.context.clone()
    context[half.region] = True
    return context


def _cut(node: Node, contexts: Tensor, answers: Tensor, row: int) -> list[Node]:
    """Return both halves, each without and with the other one."""
    (one, other), weight = node.rectangle.halves(), node.weight / 2
    return [
        Node(one, node.context, node.without, answers[row], weight),
        Node(other, node.context, node.without, answers[row + 1], weight),
        Node(one, contexts[row + 1], answers[row + 1], node.within, weight),
        Node(other, contexts[row], answers[row], node.within, weight),
    ]


def _credit(total: Tensor, node: Node) -> None:
    gain = (node.within.double() - node.without.double()) * (node.weight / node.rectangle.pixels)
    total[(slice(None), *node.rectangle.region)] += gain[:, None, None]
