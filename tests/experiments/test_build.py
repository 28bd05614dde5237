"""Settings become objects, or an error that names the key."""

from typing import Any

import pytest
import torch

from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build


class Engine:
    def __init__(self, power: int, fuel: str = "tea", parts: list[int] | None = None) -> None:
        if power < 0:
            raise UserError("engine.power is below 0; use more.")
        self.power, self.fuel, self.parts = power, fuel, parts


class Car:
    def __init__(self, engine: Engine, wheels: Any = None, driver: str = "nobody") -> None:
        self.engine, self.wheels, self.driver = engine, wheels, driver


HERE = "tests_build"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType(HERE)
    module.Engine, module.Car = Engine, Car  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, HERE, module)


def engine(**given: Any) -> dict[str, Any]:
    return {"_target_": f"{HERE}.Engine", **given}


def test_nested_targets_and_context_by_name() -> None:
    car = build({"_target_": f"{HERE}.Car", "engine": engine(power=3)}, "car", {"driver": "Ada"})
    assert (car.engine.power, car.driver) == (3, "Ada")


def test_a_setting_beats_the_context() -> None:
    assert (
        build({"_target_": f"{HERE}.Car", "engine": engine(power=3), "driver": "Bob"}, "car", {"driver": "Ada"}).driver
        == "Bob"
    )


def test_a_misspelt_key_is_named_with_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"car\.engine\.powr: Engine has no such setting\. Did you mean 'power'\?"):
        build({"_target_": f"{HERE}.Car", "engine": engine(powr=3)}, "car")


def test_a_wrong_type_is_named() -> None:
    with pytest.raises(UserError, match=r"engine\.power='many': expected a valid integer"):
        build(engine(power="many"), "engine")


def test_all_that_would_do_is_named() -> None:
    settings = {"_target_": "lightning.Trainer", "precision": "abc"}
    with pytest.raises(UserError, match=r"trainer\.precision='abc': expected 64, 32 or 16; or .*'bf16-mixed'"):
        build(settings, "trainer")


def test_the_targets_own_refusal_comes_through() -> None:
    with pytest.raises(UserError, match=r"^engine\.power is below 0"):
        build(engine(power=-1), "engine")


def test_a_refusal_of_a_library_names_the_path() -> None:
    settings = {"_target_": "torch.optim.Adam", "lr": -1.0}
    with pytest.raises(UserError, match="optimizer: Adam refused its settings: Invalid learning rate"):
        build(settings, "optimizer", {"params": [torch.zeros(1)]})


def test_partial_waits_for_the_rest() -> None:
    make = build({"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.5}, "optimizer")
    assert make([torch.zeros(1, requires_grad=True)]).defaults["lr"] == 0.5


def test_declarations_are_not_settings() -> None:
    assert build({**engine(power=1), "needs": None, "gives": None}, "engine").power == 1
