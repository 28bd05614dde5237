"""All groups train."""

from cxr_xai.finetune.full import Full


def test_all_of_them_always() -> None:
    assert [Full().trains(["head", "layer4", "stem"], epoch) for epoch in (0, 9)] == [("head", "layer4", "stem")] * 2
