"""The spec says what is wrong with a value."""

import pytest

from cxr_xai.data.phantom import PhantomSpec
from cxr_xai.errors import UserError


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"train_val_patients": 0},
        {"test_patients": 20_001},
        {"image_size": 63},
        {"prevalence": "rich"},
        {"shortcut_strength": 1.1},
        {"shortcut_strength": float("nan")},
        {"boxed_fraction": -0.1},
    ],
)
def test_value_out_of_range_is_named(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(UserError, match=name):
        PhantomSpec(**wrong)  # type: ignore[arg-type]
