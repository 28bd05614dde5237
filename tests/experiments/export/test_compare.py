"""What differs is found, whichever output it is; what is no number never passes."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.export.compare import Gap, ask_eager, compare, require_equal
from cxr_xai.experiments.export.network import Answer
from cxr_xai.metrics.decision import Decision
from cxr_xai.models.classifier import Classifier

CHANGES = {
    "logits": lambda said: replace(said, logits=said.logits + np.float32(0.01)),
    "maps": lambda said: replace(said, maps=said.maps[..., ::-1]),
    "probs": lambda said: replace(said, probs=said.probs + np.float32(1e-4)),
    "preds": lambda said: replace(said, preds=~said.preds),
    "not a number": lambda said: replace(said, logits=np.full_like(said.logits, np.nan)),
    "another grid": lambda said: replace(said, maps=said.maps[..., :-1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_output_is_refused(change: str, tiny: Classifier, decision: Decision, films: np.ndarray) -> None:
    def program(image: np.ndarray) -> Answer:
        return CHANGES[change](ask_eager(tiny, decision, image))

    gaps = compare(program, ask_eager(tiny, decision, films), decision, films)
    output = {"not a number": "logits", "another grid": "maps"}.get(change, change)
    assert {one.output for one in gaps if not one.holds} == {output}
    with pytest.raises(UserError, match=f"format=onnx: {output} of 1 films differ .*; no file is left"):
        require_equal(gaps, "onnx")


def test_one_film_that_depends_on_its_company_is_found(tiny: Classifier, decision: Decision, films: np.ndarray) -> None:
    def program(image: np.ndarray) -> Answer:
        said = ask_eager(tiny, decision, image)
        return said if len(image) != 3 else replace(said, maps=said.maps.mean(axis=0, keepdims=True).repeat(3, 0))

    gaps = compare(program, ask_eager(tiny, decision, films), decision, films)
    assert {(one.output, one.films) for one in gaps if not one.holds} == {("maps", 3)}


def test_undefined_differences_do_not_hold() -> None:
    assert not Gap("logits", 1, float("nan"), 1.0).holds
