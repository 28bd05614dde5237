"""What every explainer promises; runs over all of ``conf/explainer``. Above all: the model is lent, never taken.

Members are made cheap in ``conftest.py``. Each is asked once for its plain maps; each condition compares with them.
The quick suite runs all conditions on a small model and the base contract on resnet50 and densenet121; the slow one
runs everything on all three.
"""

import contextlib
import copy
import gc
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cxr_xai.errors import UserError
from cxr_xai.explainers.contract import Explainer
from cxr_xai.heatmap import make_heatmap
from cxr_xai.models.classifier import Classifier
from cxr_xai.types import Explanation

ROOT = Path(__file__).parents[2]
SETTINGS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf/explainer").glob("*.yaml"))}
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}
LARGE = ("resnet50", "densenet121")
slow = pytest.mark.slow


@pytest.fixture(scope="module", params=["small", *(pytest.param(name, marks=slow) for name in LARGE)])
def backbone(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def count_films(backbone: str) -> int:
    return 3 if backbone == "small" else 2


@pytest.fixture(scope="module")
def trained(backbone: str, members: Any) -> Classifier:
    model: Classifier = members["lived_in"](backbone)
    return model


@pytest.fixture
def model(trained: Classifier) -> Classifier:
    """In an untidy state: mixed modes, gradients, frozen weights, hooks of three kinds."""
    return untidy(copy.deepcopy(trained))


@pytest.fixture
def image(members: Any, backbone: str) -> Tensor:
    image: Tensor = members["noise"](count_films(backbone))
    return image


@pytest.fixture
def explainer(explainer_settings: dict[str, Any], backbone: str, members: Any) -> Explainer:
    member: Explainer = members["build_member"](explainer_settings, large=backbone != "small")
    return member


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, str], Explanation]:
    return {}


@pytest.fixture
def plain(
    explainer: Explainer, backbone: str, trained: Classifier, image: Tensor, known: dict[tuple[str, str], Explanation]
) -> Explanation:
    """The member's maps of the model as it is, made once."""
    key = (explainer.name, backbone)
    if key not in known:
        torch.manual_seed(5)
        known[key] = explainer.explain(trained, image)
    return known[key]


def untidy(model: Classifier) -> Classifier:
    model.train()
    model.trunk.get_submodule("layer2" if hasattr(model.trunk, "layer2") else "features.denseblock2").eval()
    model(torch.rand(4, 1, 64, 64)).sum().backward()
    model.head.weight.requires_grad_(False)
    model.head.register_forward_hook(lambda *_: None)
    model.head.register_forward_hook(lambda *_: None, with_kwargs=True, always_call=True)
    model.head.register_full_backward_hook(lambda *_: None)
    return model


def photograph(model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> dict[str, Any]:
    """Everything of a model, an optimizer and the random generators that a borrower might change."""
    return {
        "modes": [module.training for module in model.modules()],
        "names": [sorted(vars(module)) for module in model.modules()],
        "children": [id(child) for child in model.modules()],
        "weights": {name: value.detach().clone() for name, value in model.named_parameters()},
        "buffers": {name: value.clone() for name, value in model.named_buffers()},
        "grads": {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()},
        "trains": [p.requires_grad for p in model.parameters()],
        "hooks": [
            {name: list(hooks) for name, hooks in vars(module).items() if "hooks" in name} for module in model.modules()
        ],
        "optimizer": copy.deepcopy(optimizer.state_dict()) if optimizer else None,
        "random": (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()),  # noqa: NPY002
        "contexts": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")),
    }


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, np.ndarray):
        assert np.array_equal(one, other)
    else:
        assert one == other


def assert_maps(out: Explanation, plain: Explanation) -> None:
    torch.testing.assert_close(out.attribution, plain.attribution, **TOLERANCE, equal_nan=True)
    torch.testing.assert_close(out.logits, plain.logits, **TOLERANCE)


def assert_well_formed(out: Explanation, films: int, findings: int) -> None:
    maps = out.attribution
    assert maps.shape[:2] == (films, findings)
    assert maps.ndim == 4
    assert out.logits.shape == (films, 14)
    assert maps.dtype == out.logits.dtype == torch.float32
    assert not maps.requires_grad
    assert not out.logits.requires_grad
    assert not maps.is_inference()
    # A map is finite everywhere, or declared dead: NaN everywhere.
    finite = maps.isfinite().flatten(2)
    assert (finite.all(2) | maps.isnan().flatten(2).all(2)).all()
    assert out.logits.isfinite().all()
    if out.residual is not None:
        assert out.residual.shape == (films, findings)
        assert not out.residual.requires_grad


def test_the_name_is_the_file(explainer_settings: dict[str, Any], request: pytest.FixtureRequest, members: Any) -> None:
    assert members["build_member"](explainer_settings).name == request.node.callspec.id


def test_maps_of_all_findings_and_the_logits(plain: Explanation, trained: Classifier, image: Tensor) -> None:
    assert_well_formed(plain, len(image), 14)
    with torch.no_grad():
        torch.testing.assert_close(plain.logits, copy.deepcopy(trained).eval()(image), atol=1e-4, rtol=0)
    assert plain.attribution.isfinite().any(), "every map is dead"
    plain.attribution.numpy()


def test_one_film_of_many_and_some_findings_in_any_order(
    explainer: Explainer, plain: Explanation, trained: Classifier, image: Tensor
) -> None:
    chosen = [9, 2]
    out = explainer.explain(trained, image[1:2], chosen)
    assert_well_formed(out, 1, 2)
    torch.testing.assert_close(out.attribution, plain.attribution[1:2, chosen], atol=1e-5, rtol=1e-4, equal_nan=True)
    torch.testing.assert_close(out.logits, plain.logits[1:2], atol=1e-5, rtol=0)


def test_the_model_comes_back_and_the_maps_repeat(
    explainer: Explainer, trained: Classifier, model: Classifier, image: Tensor
) -> None:
    """Also on an untidy model in training; and whatever the random generators stand at."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    optimizer.step()
    before = photograph(model, optimizer)
    image_before = image.clone()
    out = explainer.explain(model, image)
    assert_same(before, photograph(model, optimizer))
    assert torch.equal(image, image_before)
    torch.rand(7), random.random(), np.random.rand()  # noqa: NPY002
    again = explainer.explain(copy.deepcopy(model), image)
    torch.testing.assert_close(again.attribution, out.attribution, atol=1e-6, rtol=1e-5, equal_nan=True)


def test_training_goes_on_as_if_nothing_had_been_explained(
    explainer: Explainer, model: Classifier, image: Tensor
) -> None:
    def step(model: Classifier) -> Tensor:
        torch.manual_seed(3)
        model.zero_grad()  # a copy has no gradients
        loss = model(image).sum()
        loss.backward()
        return torch.stack([loss.detach(), sum(p.grad.abs().sum() for p in model.trunk.parameters())])

    twin = copy.deepcopy(model)
    explainer.explain(model, image[:1], [0])
    assert torch.equal(step(model), step(twin))


def test_a_film_of_nan_is_dead_and_harms_no_other(
    explainer: Explainer, plain: Explanation, trained: Classifier, image: Tensor
) -> None:
    """Its heatmaps are NaN everywhere or finite everywhere (of methods blind to the film); the neighbor's stay."""
    torn = image[:2].clone()
    torn[0, 0, 20:24, 20:24] = torch.nan
    out = explainer.explain(trained, torn, [4, 11])
    heatmaps = make_heatmap(out.attribution[0]).flatten(1)
    assert (heatmaps.isnan().all(1) | heatmaps.isfinite().all(1)).all()
    torch.testing.assert_close(out.attribution[1], plain.attribution[1, [4, 11]], atol=1e-5, rtol=1e-4, equal_nan=True)


@pytest.mark.usefixtures("only_small")
@pytest.mark.parametrize("findings", [[], [14], [-1, 2]])
def test_findings_that_there_are_not_are_refused(
    explainer_settings: dict[str, Any], trained: Classifier, image: Tensor, members: Any, findings: list[int]
) -> None:
    explainer = members["build_member"](explainer_settings, cheapest=True)
    with pytest.raises(UserError, match=r"findings is empty|this network has columns 0 to 13"):
        explainer.explain(trained, image[:1], findings)


def nth(n: int, forward: Callable[..., Any]) -> Callable[..., Any]:
    """Fail at the n-th call."""
    calls = 0

    def fail(*inputs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == n:
            raise RuntimeError("out of memory")
        return forward(*inputs)

    return fail


class _FailsBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        raise RuntimeError("out of memory")


def middle(model: Classifier) -> nn.Module:
    return model.trunk.get_submodule("layer3" if hasattr(model.trunk, "layer3") else "features.transition3")


@pytest.mark.parametrize("where", ["first pass", "second pass", "backward"])
def test_the_model_comes_back_also_after_a_failure(
    explainer: Explainer, model: Classifier, image: Tensor, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    module = middle(model)
    if where == "backward":
        forward = module.forward
        monkeypatch.setattr(module, "forward", lambda x: _FailsBackward.apply(forward(x)))
    else:
        monkeypatch.setattr(module, "forward", nth(1 if where == "first pass" else 2, module.forward))
    before = photograph(model)
    raises = where == "first pass"  # every member needs logits; not every one has a second pass, or a backward one
    with pytest.raises(RuntimeError, match="out of memory") if raises else contextlib.suppress(RuntimeError):
        explainer.explain(model, image[:2], [0, 3])
    assert_same(before, photograph(model))


def test_under_inference_mode_and_autocast(
    explainer: Explainer, plain: Explanation, trained: Classifier, image: Tensor
) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        out = explainer.explain(trained, image.clone())
    assert_well_formed(out, len(image), 14)
    assert_maps(out, plain)


def test_frozen_with_channels_last(
    explainer: Explainer, plain: Explanation, trained: Classifier, image: Tensor
) -> None:
    """The film too; and against a model whose memory is laid out plainly."""
    frozen = copy.deepcopy(trained).requires_grad_(False)
    frozen.head.requires_grad_(True)
    assert_maps(explainer.explain(frozen, image.to(memory_format=torch.channels_last)), plain)
    contiguous = copy.deepcopy(trained).to(memory_format=torch.contiguous_format)
    one = explainer.explain(contiguous, image[:1], [4])
    torch.testing.assert_close(one.attribution, plain.attribution[:1, [4]], **TOLERANCE, equal_nan=True)


def test_compiled(explainer: Explainer, plain: Explanation, trained: Classifier, image: Tensor, backbone: str) -> None:
    """The whole of it by wrapping, by ``.compile()``, and a part of it; compiled already on the large models."""
    model = copy.deepcopy(trained)
    model.trunk = torch.compile(model.trunk, backend="eager")
    model.compile(backend="eager")
    wrapped = torch.compile(model, backend="eager")
    if backbone != "small":
        with torch.no_grad():
            wrapped.eval()(image)
    out = explainer.explain(wrapped, image[:1], [4, 11])
    torch.testing.assert_close(out.attribution, plain.attribution[:1, [4, 11]], **TOLERANCE, equal_nan=True)
    torch.testing.assert_close(out.logits, plain.logits[:1], **TOLERANCE)
    assert model._compiled_call_impl is not None


class Lesson(lightning.LightningModule):
    """Trains a step, and explains in every stage that has films."""

    def __init__(self, model: Classifier, explain: Callable[[str, nn.Module, Tensor], None]) -> None:
        super().__init__()
        self.model, self.explain = model, explain

    def training_step(self, film: Tensor) -> Tensor:
        return self.model(film).mean()

    def validation_step(self, film: Tensor) -> None:
        self.explain(self.trainer.state.fn.value, self.model, film)

    def test_step(self, film: Tensor) -> None:
        self.explain("test", self.model, film)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), lr=0.0)


@pytest.fixture(scope="module")
def lessons(backbone: str, members: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Stage → name → maps or the error, of all members in one run of Lightning in bf16-mixed."""
    found: dict[str, dict[str, Any]] = {"fit": {}, "validate": {}, "test": {}}

    def explain(stage: str, model: nn.Module, film: Tensor) -> None:
        for name, settings in SETTINGS.items():
            try:
                # In fit two films and findings; in validate and test, which share one context, one of each.
                some, asked = (film, [4, 11]) if stage == "fit" else (film[:1], [4])
                member = members["build_member"](settings, large=backbone != "small")
                found[stage][name] = member.explain(model, some, asked)
            except Exception as error:
                found[stage][name] = f"{type(error).__name__}: {error}"

    model = members["lived_in"](backbone)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0  # statistics stay, so that maps can be compared
    films = DataLoader(members["noise"](count_films(backbone))[:2], batch_size=2)
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", precision="bf16-mixed", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
        default_root_dir=tmp_path_factory.mktemp("lessons"),
    )  # fmt: skip
    lesson = Lesson(model, explain)
    trainer.fit(lesson, films, films)
    trainer.validate(lesson, films, verbose=False)
    trainer.test(lesson, films, verbose=False)
    return found


@pytest.fixture(scope="module")
def ranks(backbone: str, members: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What both processes of one DDP job found, all members together."""
    folder = tmp_path_factory.mktemp("ranks")
    state = members["lived_in"](backbone).state_dict()
    job = {"settings": SETTINGS, "backbone": backbone, "films": count_films(backbone), "state": state}
    torch.save(job, folder / "job.pt")
    script = str(Path(__file__).with_name("ranks.py"))
    jobs = [
        subprocess.Popen([sys.executable, script, str(rank), str(folder)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [job.communicate(timeout=900)[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], said
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.fixture
def only_small(backbone: str) -> None:
    if backbone != "small":
        pytest.skip("one model shows it")


def test_within_fit_validate_and_test(
    explainer: Explainer, plain: Explanation, lessons: dict[str, dict[str, Any]]
) -> None:
    for stage, films, columns in (("fit", 2, [4, 11]), ("validate", 1, [4]), ("test", 1, [4])):
        out = lessons[stage][explainer.name]
        assert isinstance(out, Explanation), (stage, out)
        torch.testing.assert_close(out.attribution, plain.attribution[:films, columns], **TOLERANCE, equal_nan=True)
        torch.testing.assert_close(out.logits, plain.logits[:films], **TOLERANCE)


def test_on_two_processes_as_on_one(explainer: Explainer, plain: Explanation, ranks: list[dict[str, Any]]) -> None:
    for rank, done in enumerate(ranks):
        found = done["found"][explainer.name]
        assert not isinstance(found, str), found
        wanted = plain.attribution[rank : rank + 2, [4, 11]]
        torch.testing.assert_close(found[0], wanted, **TOLERANCE, equal_nan=True)
        torch.testing.assert_close(found[1], plain.logits[rank : rank + 2], **TOLERANCE)


def test_processes_train_on_together_after_explaining(ranks: list[dict[str, Any]]) -> None:
    assert all(torch.equal(*pair) for pair in zip(ranks[0]["grads"], ranks[1]["grads"], strict=True))


def living() -> int:
    gc.collect()
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


@pytest.mark.usefixtures("only_small")
def test_nothing_of_any_member_lives_on(trained: Classifier, image: Tensor, members: Any) -> None:
    """Tensors and hooks; what a member keeps for the model's life is kept after the first call."""
    everyone = {name: members["build_member"](settings, cheapest=True) for name, settings in SETTINGS.items()}

    def explain(name: str) -> None:
        everyone[name].explain(trained, image[:1], [0])
        with contextlib.suppress(RuntimeError), pytest.MonkeyPatch.context() as patch:
            patch.setattr(middle(trained), "forward", nth(2, middle(trained).forward))
            everyone[name].explain(trained, image[:1], [0])

    for name in everyone:
        explain(name)
    before, hooks = living(), photograph(trained)["hooks"]
    for name in everyone:
        explain(name)
    leaking = []
    if living() != before:
        for name in everyone:
            before = living()
            explain(name)
            leaking += [name] if living() > before else []
    assert leaking == []
    assert photograph(trained)["hooks"] == hooks


@slow
@pytest.mark.usefixtures("only_small")
def test_many_calls_leave_nothing(explainer: Explainer, trained: Classifier, image: Tensor) -> None:
    """200 of a method that runs the model once or twice, 5 of one that perturbs."""
    passes = []
    handle = middle(trained).register_forward_hook(lambda *_: passes.append(1))
    explainer.explain(trained, image[:1], [0])
    handle.remove()
    before, picture = living(), photograph(trained)
    kept = living() - before  # the photograph's own
    for _ in range(200 if len(passes) <= 2 else 5):
        explainer.explain(trained, image[:1], [0])
    assert living() == before + kept
    assert_same(picture, photograph(trained))


@pytest.fixture(scope="module", params=LARGE)
def large(request: pytest.FixtureRequest, members: Any) -> Classifier:
    model: Classifier = members["lived_in"](request.param)
    return model


def test_base_contract_on_a_large_model(explainer_settings: dict[str, Any], large: Classifier, members: Any) -> None:
    explainer = members["build_member"](explainer_settings, large=True)
    film = members["noise"](1)
    before = photograph(large)
    out = explainer.explain(large, film, [0, 3])
    assert_same(before, photograph(large))
    assert_well_formed(out, 1, 2)
    with torch.no_grad():
        torch.testing.assert_close(out.logits, copy.deepcopy(large).eval()(film), atol=1e-4, rtol=1e-4)
