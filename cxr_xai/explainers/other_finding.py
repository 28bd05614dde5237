"""The control that explains something else: the exact map of another finding of the same film.

A method whose map of a neighbor's finding lies in the box as well as its own does not tell findings apart.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.contract import choose_findings
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.findings import BOXED
from cxr_xai.types import Explanation


def other_finding(finding: int, findings: int) -> int:
    """Return whose map stands in for a finding's: the next with boxes, after the last the first; others likewise.

    Boxed findings take boxed ones, because an unboxed finding may be rare and its map of another kind. The rule is a
    permutation, so every map serves once.

    Args:
        finding: its column.
        findings: number of columns, 2 at least.

    >>> [other_finding(k, 14) for k in range(14)]
    [1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 8]
    """
    boxed = len(BOXED) if findings >= len(BOXED) + 2 else findings
    if finding < boxed:
        return (finding + 1) % boxed
    return boxed + (finding - boxed + 1) % (findings - boxed)


class OtherFinding:
    """Exact maps, each finding's in another's place."""

    name = "other_finding"

    def __init__(self) -> None:
        self._exact = ExactCam()

    def explain(self, model: nn.Module, image: Tensor, findings: Sequence[int] | None = None) -> Explanation:
        """``(N, 1, H, W)`` films in [0, 1] → ``(N, F, h, w)`` maps of the other findings, ``(N, K)`` logits.

        Raises:
            UserError: the model knows one finding only.
        """
        everything = self._exact.explain(model, image)
        count = everything.logits.shape[1]
        if count < 2:
            raise UserError("explainer=other_finding needs a model of two findings or more; this one has one.")
        asked = choose_findings(findings, count)
        with torch.inference_mode(False):  # the copy is an ordinary tensor, as those that are made while borrowing
            maps = everything.attribution[:, [other_finding(k, count) for k in asked]]
        return Explanation(maps, everything.logits)
