"""The exact map of the next finding."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from cxr_xai.errors import UserError
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.explainers.other_finding import OtherFinding, other_finding
from cxr_xai.findings import BOXED, FINDINGS, INDEX


@pytest.mark.parametrize("findings", [2, 3, 8, 9, 10, 14, 15])
def test_a_permutation_in_which_no_finding_keeps_its_place(findings: int) -> None:
    chosen = [other_finding(k, findings) for k in range(findings)]
    assert sorted(chosen) == list(range(findings))
    assert all(k != other for k, other in enumerate(chosen))


def test_boxed_findings_take_boxed_ones() -> None:
    assert {FINDINGS[other_finding(INDEX[name], 14)] for name in BOXED} == set(BOXED)


def test_it_is_the_exact_map_of_the_other(small_model: nn.Module) -> None:
    film = torch.rand(2, 1, 64, 64)
    exact, other = ExactCam().explain(small_model, film), OtherFinding().explain(small_model, film)
    assert torch.equal(other.attribution[:, 0], exact.attribution[:, 1])
    assert torch.equal(other.attribution[:, 7], exact.attribution[:, 0])
    assert torch.equal(other.logits, exact.logits), "the logits stay in their place"
    assert other.residual is None
    assert torch.equal(OtherFinding().explain(small_model, film, [7, 13]).attribution, exact.attribution[:, [0, 8]])


def test_a_model_of_one_finding_has_no_other(small_model: nn.Module) -> None:
    model: Any = copy.deepcopy(small_model)
    model.head = nn.Linear(model.head.in_features, 1)
    with pytest.raises(UserError, match="two findings or more"):
        OtherFinding().explain(model, torch.rand(1, 1, 64, 64))
