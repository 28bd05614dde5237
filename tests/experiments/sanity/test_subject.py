"""Which pairs are explained, and where a network is randomized."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from cxr_xai.experiments.sanity.subject import Films, common_findings, explain_pairs, partners_of, stages_of
from cxr_xai.models.classifier import build_classifier
from cxr_xai.types import Explanation

FILMS = Films(torch.arange(4.0).view(4, 1, 1, 1), pd.DataFrame(), np.array([2, 0, 2, 3]), np.array([5, 1, 1, 5]))


class Numbers:
    """The map of finding k on film n is 100 n + k; notes what it was asked for."""

    name = "numbers"

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def explain(self, model: nn.Module, image: Tensor, findings: list[int]) -> Explanation:
        self.asked.append(findings)
        return Explanation(100 * image + torch.tensor(findings).view(1, -1, 1, 1), image.flatten(1))


def test_pairs_come_back_in_their_order_and_only_theirs_are_made() -> None:
    for batch in (1, 2, 3, 10):
        explainer = Numbers()
        maps = explain_pairs(explainer, nn.Identity(), FILMS, torch.device("cpu"), batch)
        assert maps.flatten().tolist() == [205, 1, 201, 305]
        if batch == 2:
            assert explainer.asked == [[1], [1, 5]]


def test_no_pairs_are_no_maps() -> None:
    empty = Films(torch.zeros(0, 1, 8, 8), pd.DataFrame(), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert len(explain_pairs(Numbers(), nn.Identity(), empty, torch.device("cpu"), 2)) == 0


def test_partners_have_the_finding_and_are_other_patients() -> None:
    table = pd.DataFrame({"patient_id": list("aabcd"), "finding": ["Mass", "Hernia", "Mass", "Mass", "Edema"]})
    partner, lonely = partners_of(table)
    assert partner.tolist() == [2, 1, 3, 0, 4]
    assert lonely.tolist() == [False, True, False, False, True]


def test_stages_go_from_the_head_to_the_input() -> None:
    model = build_classifier("resnet10t")
    names = [name for name, _ in stages_of(model)]
    assert names == ["head", "layer4", "layer3", "layer2", "layer1", "bn1", "conv1"]
    covered = {id(p) for _, stage in stages_of(model) for p in stage.parameters()}
    assert covered == {id(p) for p in model.parameters()}


def test_a_trunk_in_a_wrapper_is_opened() -> None:
    model = build_classifier("densenet121")
    names = [name for name, _ in stages_of(model)]
    assert names[0] == "head"
    assert {"denseblock1", "denseblock4", "conv0"} <= set(names)
    covered = {id(p) for _, stage in stages_of(model) for p in stage.parameters()}
    assert covered == {id(p) for p in model.parameters()}


def test_the_most_frequent_findings() -> None:
    assert common_findings(FILMS, 1) == [1]
    assert common_findings(FILMS, 9) == [1, 5]
