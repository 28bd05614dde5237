"""Writes a run's network as files that need none of this package: python scripts/export.py checkpoint=…"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.artifacts.exported_folder import ExportedFolder
from cxr_xai.data.tta.contract import PLAIN
from cxr_xai.errors import UserError
from cxr_xai.experiments.export import onnx_file, torch_file
from cxr_xai.experiments.export.compare import Gap, ask_eager, compare, require_equal
from cxr_xai.experiments.export.films import make_films
from cxr_xai.experiments.export.network import Answer, Program, trace
from cxr_xai.experiments.export.picture import draw_maps
from cxr_xai.experiments.export.record import describe_network
from cxr_xai.experiments.reopen import Run, open_run, read_tta
from cxr_xai.experiments.require import require_folder
from cxr_xai.experiments.terminal import NOTICE, console, quiet_libraries
from cxr_xai.files import hash_file, whole
from cxr_xai.visualization.embed import encode_png

Settings = Mapping[str, Any]
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        suffix: of its name.
        needs: libraries that torch does not bring.
        versions: what its metadata adds.
        write: (traced network, metadata, path).
        open: path → program on the CPU.
    """

    suffix: str
    needs: tuple[str, ...]
    versions: dict[str, Any]
    write: Callable[[Any, dict[str, Any], Path], None]
    open: Callable[[Path], Program]


FORMATS = {
    "onnx": Format(
        onnx_file.SUFFIX,
        ("onnx", "onnxscript", "onnxruntime"),
        {"torch": str(torch.__version__), "opset": onnx_file.OPSET},
        onnx_file.write_onnx,
        lambda path: onnx_file.answer_with(onnx_file.open_session(path, CPU)),
    ),
    "torch_export": Format(
        torch_file.SUFFIX,
        (),
        {"torch": str(torch.__version__)},
        torch_file.write_torch,
        lambda path: torch_file.open_torch(path, CPU),
    ),
}


@dataclass(frozen=True)
class Eager:
    """What files are compared with.

    Attributes:
        run: opened on the CPU.
        image: ``(N, 1, H, W)`` films in [0, 1].
        said: of them by the run's own network.
        films: where they are from, in a word.
    """

    run: Run
    image: npt.NDArray[np.float32]
    said: Answer
    films: str


def run_export(settings: Settings) -> None:
    """Export what ``conf/export.yaml`` names; every file is compared with the run's network before it has its name.

    Raises:
        UserError: a setting is unfit, a library or the run is not there, a file of another network is, or a file
            would say something else than the run.
    """
    quiet_libraries()
    kinds = read_kinds(settings["format"])
    if not isinstance(settings["fresh"], bool):
        raise UserError(f"fresh={settings['fresh']}: expected true or false.")
    run = open_run(settings["checkpoint"], "cpu")
    decision, size = run.decision, int(run.settings["datamodule"]["image_size"])
    image = make_films(settings["images"], size)
    films = "phantom" if settings["images"] is None else Path(settings["images"]).resolve().name
    eager = Eager(run, image, ask_eager(run.model, decision, image), films)
    folder = ExportedFolder(settings["output"] or run.folder.path / "exported")
    require_folder(folder.path)
    if (label := read_tta(run.settings).label) != PLAIN:
        console.print(f"The run predicts by the {label}; what is exported sees the plain film.", style="yellow")
    traced = None
    for kind in kinds:
        rows, columns = (int(length) for length in eager.said.maps.shape[2:])
        record = describe_network(run, kind, (rows, columns), FORMATS[kind].versions)
        if not is_there(folder, kind, record, settings["fresh"]):
            with console.status(f"writing {kind} …"):
                traced = trace(run.model, decision, size) if traced is None else traced
                write_network(folder, kind, record, traced, eager)
        print_exported(folder, kind)
    console.print(NOTICE, style="yellow")


def read_kinds(asked: str | Sequence[str]) -> list[str]:
    """Return the formats asked for.

    Raises:
        UserError: one is unknown, none is named, or a library is missing.

    >>> read_kinds("torch_export")
    ['torch_export']
    """
    kinds = list(dict.fromkeys([asked] if isinstance(asked, str) else asked or ()))
    if not kinds or (unknown := [kind for kind in kinds if kind not in FORMATS]):
        raise UserError(f"format={unknown[0] if kinds else asked}: use {' or '.join(FORMATS)}, or both in a list.")
    for kind in kinds:
        onnx_file.require_libraries(FORMATS[kind].needs)
    return kinds


def is_there(folder: ExportedFolder, kind: str, record: dict[str, Any], fresh: bool) -> bool:
    """Tell whether this very network was exported already.

    Raises:
        UserError: another one was, and ``fresh`` does not say to replace it.
    """
    suffix = FORMATS[kind].suffix
    path = folder.network(suffix)
    if fresh or not path.is_file() or not folder.sidecar(suffix).is_file():
        return False
    old = folder.read_sidecar(suffix)
    if old.get("sha256") != hash_file(path):
        return False  # cut off between the two, or the file was changed: written again
    changed = [key for key in record if old.get(key) != record[key]]
    if changed:
        raise UserError(f"{path} is there, with other {changed[0]}; fresh=true replaces it, output=… leaves it.")
    console.print(f"{path} is there already.", soft_wrap=True)
    return True


def write_network(folder: ExportedFolder, kind: str, record: dict[str, Any], traced: Any, eager: Eager) -> None:
    """Write one file, compare it with the run's network, and only then give it its name; then what is said of it.

    Raises:
        UserError: they differ; no file is left.
    """
    form, decision = FORMATS[kind], eager.run.decision
    folder.sidecar(form.suffix).unlink(missing_ok=True)
    with whole(folder.network(form.suffix)) as partial:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notes of an exporter on its own ways; what it wrote is compared below
            form.write(traced, record, partial)
        program = form.open(partial)
        gaps = compare(program, eager.said, decision, eager.image)
        require_equal(gaps, kind)
        said = program(eager.image)
    with whole(folder.maps(form.suffix)) as partial:
        partial.write_bytes(encode_png(draw_maps(eager.image, eager.said, said, kind)))
    path = folder.network(form.suffix)
    about = {"file": path.name, "sha256": hash_file(path), "bytes": path.stat().st_size}
    checked = {"films": eager.films, "differences": [asdict(one) for one in gaps]}
    folder.write_sidecar(form.suffix, {**record, **about, "checked": checked})


def print_exported(folder: ExportedFolder, kind: str) -> None:
    """Print what was exported and how far it is from the run's network."""
    suffix = FORMATS[kind].suffix
    record = folder.read_sidecar(suffix)
    gaps = [Gap(**entry) for entry in record["checked"]["differences"]]
    console.print(f"[bold]{kind}[/]: {folder.network(suffix)}, {record['bytes'] / 1e6:.1f} MB", soft_wrap=True)
    for output in dict.fromkeys(one.output for one in gaps):
        mine = [one for one in gaps if one.output == output]
        apart = ", ".join(f"{one.films}: {one.difference:.2g}" for one in mine)
        allowed = min(one.allowed for one in mine)
        console.print(f"  {output}: largest difference from the run, by films: {apart} (allowed {allowed:.2g})")
