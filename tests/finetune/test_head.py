"""The head alone trains."""

from cxr_xai.finetune.head import Head


def test_the_head_always() -> None:
    assert [Head().trains(["head", "layer4", "stem"], epoch) for epoch in (0, 9)] == [("head",)] * 2
