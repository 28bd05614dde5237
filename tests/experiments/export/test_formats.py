"""Both files say what the network says, alone and in company, name no place of this machine, and execute nothing."""

import io
import json
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from cxr_xai.errors import UserError
from cxr_xai.experiments.export import onnx_file
from cxr_xai.experiments.export.compare import BATCHES, ask_eager, compare
from cxr_xai.experiments.export.films import make_films
from cxr_xai.experiments.export.network import OUTPUTS, trace
from cxr_xai.experiments.export.onnx_file import open_session, read_onnx_record
from cxr_xai.experiments.export.run import CPU, FORMATS
from cxr_xai.experiments.export.torch_file import open_torch, read_torch_record
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.decision import Decision
from cxr_xai.models.classifier import Classifier, build_classifier

KINDS = pytest.mark.parametrize("kind", FORMATS)


@KINDS
def test_equal_to_the_run_in_batches_of_any_size(
    kind: str, files: dict[str, Path], tiny: Classifier, decision: Decision, films: np.ndarray
) -> None:
    program = FORMATS[kind].open(files[kind])
    gaps = compare(program, ask_eager(tiny, decision, films), decision, films)
    assert {(one.output, one.films) for one in gaps} == {(name, count) for name in OUTPUTS for count in BATCHES}
    assert all(one.holds for one in gaps), gaps
    said = program(films)
    bias = tiny.head.bias.detach().numpy()
    np.testing.assert_allclose(said.maps.sum(axis=(2, 3)), said.logits - bias, atol=1e-4)
    assert said.preds.any(axis=0).sum() > 3
    assert not said.preds[:, 13].any(), "no threshold, no prediction"


@KINDS
def test_metadata_lie_inside_and_nothing_names_this_machine(kind: str, files: dict[str, Path], project: Path) -> None:
    path = files[kind]
    record = read_torch_record(path) if kind == "torch_export" else read_onnx_record(path, open_session(path, CPU))
    assert record == {"findings": list(FINDINGS), "image_size": 32}
    raw = path.read_bytes()
    for place in (str(project), "site-packages", "cxr_xai/experiments", ".py"):
        assert place.encode() not in raw, place


def test_the_graph_is_what_it_says(files: dict[str, Path]) -> None:
    model = onnx.load(files["onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", onnx_file.OPSET)]
    assert [entry.name for entry in model.graph.output] == list(OUTPUTS)
    assert OUTPUTS[1] == "maps"
    (image,) = model.graph.input
    assert image.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert all(node.domain in ("", "ai.onnx") for node in model.graph.node)


def test_the_example_of_the_page_needs_nothing_of_ours(
    files: dict[str, Path], write: Callable[..., Path], films: np.ndarray, project: Path, tmp_path: Path
) -> None:
    section = (project / ".github" / "EXPORT.md").read_text()
    code = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)[0]
    shutil.copy(files["onnx"], tmp_path / "network.onnx")
    np.save(tmp_path / "film.npy", (films[0, 0] * 255).round().astype(np.uint8))
    bare = code + "\nimport sys\nassert not {'torch', 'cxr_xai'} & sys.modules.keys()\n"
    done = subprocess.run([sys.executable, "-c", bare], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    said = FORMATS["onnx"].open(files["onnx"])(films[:1])
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == list(FINDINGS)
    assert [float(line[1]) for line in lines] == pytest.approx(said.probs[0].tolist(), abs=6e-4)
    assert [len(line) > 2 for line in lines] == said.preds[0].tolist()


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize("backbone", ["resnet10t", "resnet50", "densenet121"])
def test_trunks_that_people_train(kind: str, backbone: str, decision: Decision, shared: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_classifier(backbone)
    with torch.no_grad():  # statistics of BatchNorm that are not those of a fresh network
        model.train()(torch.rand(4, 1, 224, 224))
    model.eval()
    image = make_films(str(shared / "nih-chestxray14"), 224)
    path = tmp_path / "network"
    FORMATS[kind].write(trace(model, decision, 224), {"findings": list(FINDINGS)}, path)
    gaps = compare(FORMATS[kind].open(path), ask_eager(model, decision, image), decision, image)
    assert all(one.holds for one in gaps), gaps


def test_the_same_network_gives_the_same_bytes(
    write: Callable[..., Path], files: dict[str, Path], tmp_path: Path
) -> None:
    assert write("torch_export", tmp_path).read_bytes() == files["torch_export"].read_bytes()


def test_the_model_comes_back_as_it_was(tiny: Classifier) -> None:
    assert not tiny.training
    assert all(weight.requires_grad for weight in tiny.parameters())
    assert tiny.trunk[0].weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("content", [b"", b"no archive", "foreign"])
def test_a_foreign_pt2_is_refused_before_it_is_opened(content: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / "other.pt2"
    if content == "foreign":
        traced = torch.export.export(torch.nn.ReLU(), (torch.zeros(2),))
        torch.export.save(traced, path)
    else:
        path.write_bytes(bytes(content))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"other\.pt2 is no network that scripts/export\.py wrote"):
        open_torch(path, CPU)


def test_pickles_are_never_opened(files: dict[str, Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.pt2"
    harm = io.BytesIO()
    pickle.dump(0, harm)
    with zipfile.ZipFile(files["torch_export"]) as old, zipfile.ZipFile(bad, "w") as new:
        for name in old.namelist():
            raw = old.read(name)
            if name.endswith("weights_config.json"):
                raw = json.dumps({"config": {"w": {"path_name": "w", "use_pickle": True}}}).encode()
            new.writestr(name, raw)
        new.writestr("archive/data/weights/w", harm.getvalue())
    with pytest.raises(UserError, match="holds pickled objects or compiled code"):
        open_torch(bad, CPU)


def test_a_foreign_onnx_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(files["onnx"])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    session = open_session(tmp_path / "other.onnx", CPU)
    with pytest.raises(UserError, match=r"other\.onnx is no network that scripts/export\.py wrote"):
        read_onnx_record(tmp_path / "other.onnx", session)
    (tmp_path / "torn.onnx").write_bytes(files["onnx"].read_bytes()[:200])
    with pytest.raises(UserError, match=r"torn\.onnx cannot be opened by onnxruntime"):
        open_session(tmp_path / "torn.onnx", CPU)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"ONNX needs onnxruntime: pip install 'cxr-xai\[export\]'"):
        onnx_file.require_libraries(("onnxruntime",))


def test_no_gpu_for_onnxruntime(files: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="device=cuda: this onnxruntime has no CUDAExecutionProvider"):
        open_session(files["onnx"], torch.device("cuda"))
