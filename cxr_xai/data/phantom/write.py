"""Write a phantom folder: whole or not at all."""

import json
import multiprocessing
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.data.phantom.draw import draw_studies
from cxr_xai.data.phantom.masks import MASK_FOLDER, pack_masks
from cxr_xai.data.phantom.png import encode_png
from cxr_xai.data.phantom.read import SPEC_FILE, VERSION, differences
from cxr_xai.data.phantom.render import render
from cxr_xai.data.phantom.spec import PhantomSpec, PhantomStudy
from cxr_xai.data.phantom.tables import (
    BOX_FILE,
    ENTRY_FILE,
    LIST_FILES,
    SHORTCUT_FILE,
    Box,
    box_table,
    entry_table,
    image_list,
    shortcut_table,
    tight_box,
)
from cxr_xai.errors import UserError

Boxes = dict[tuple[str, str], Box]
Progress = Callable[[int, int], None]

IMAGE_FOLDER = "images_001/images"
_CHUNK = 40  # studies a worker takes at a time: a second's work
# Grain does not repeat: Huffman codes alone are faster than searching it, and no larger.
_GRAIN, _SHAPES = zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY
_KEPT = 1 << 24  # bytes


def write_phantom(root: Path, spec: PhantomSpec, workers: int | None = None, progress: Progress | None = None) -> None:
    """Write the folder that `spec` describes, in the published layout of NIH ChestX-ray14.

    The files are written next to `root` and moved there when all are done, so a folder that exists is complete. The
    bytes do not depend on the number of workers.

    Args:
        root: the folder to make. If it already holds this very phantom nothing is done.
        spec: what to draw.
        workers: processes; None takes the processor cores, 0 or 1 none but this one. More than one needs a script
            that guards its start with ``if __name__ == "__main__"``.
        progress: called with images done and images in all.

    Raises:
        UserError: `root` exists and holds something else.
    """
    root = Path(root)
    if _is_written(root, spec):
        return
    studies = draw_studies(spec)
    partial = root.parent / f".{root.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a killed process that had this number
    try:
        for folder in (IMAGE_FOLDER, MASK_FOLDER):
            (partial / folder).mkdir(parents=True)
        boxes = _write_images(partial, studies, spec.image_size, _count_workers(workers, len(studies)), progress)
        _write_texts(partial, studies, boxes, spec)
        _move(partial, root, spec)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_written(root: Path, spec: PhantomSpec) -> bool:
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    differing = differences(root, spec)
    if differing:
        raise UserError(f"{root} exists and is not this phantom ({differing}): name another folder by datamodule.root")
    return True


def _move(partial: Path, root: Path, spec: PhantomSpec) -> None:
    try:
        partial.rename(root)
    except OSError:  # another process was faster; its folder is as good if it is the same phantom
        if not _is_written(root, spec):
            raise


def _count_workers(workers: int | None, images: int) -> int:
    if workers is not None:
        return workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, images // (4 * _CHUNK))  # below that, starting processes takes longer than drawing


def _write_texts(folder: Path, studies: Sequence[PhantomStudy], boxes: Boxes, spec: PhantomSpec) -> None:
    texts = {
        ENTRY_FILE: entry_table(studies),
        BOX_FILE: box_table(boxes),
        SHORTCUT_FILE: shortcut_table(studies),
        **{name: image_list(studies, part) for part, name in LIST_FILES.items()},
        SPEC_FILE: json.dumps({"version": VERSION, "images": len(studies), "spec": asdict(spec)}, indent=2) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())


def _write_images(
    folder: Path, studies: Sequence[PhantomStudy], size: int, workers: int, progress: Progress | None
) -> Boxes:
    chunks = [(folder, studies[i : i + _CHUNK], size) for i in range(0, len(studies), _CHUNK)]
    boxes: Boxes = {}
    done = 0
    for chunk, found in zip(chunks, _map_chunks(chunks, workers), strict=True):
        boxes.update(found)
        done += len(chunk[1])
        if progress:
            progress(done, len(studies))
    return boxes


def _map_chunks(chunks: list[tuple[Path, Sequence[PhantomStudy], int]], workers: int) -> Iterator[Boxes]:
    if workers <= 1:
        yield from map(_write_chunk, chunks)
        return
    # Spawned, not forked: the caller may have threads of torch and OpenCV running.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_write_chunk, chunks)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _write_chunk(chunk: tuple[Path, Sequence[PhantomStudy], int]) -> Boxes:
    folder, studies, size = chunk
    boxes: Boxes = {}
    np.empty(_KEPT, np.uint8)  # freed at once; from then on glibc keeps freed blocks below this size for the next field
    with _one_thread():
        for study in studies:
            boxes.update(_write_study(folder, study, size))
    return boxes


def _write_study(folder: Path, study: PhantomStudy, size: int) -> Boxes:
    film = render(study, size)
    image: npt.NDArray[np.uint8] = film.image
    if study.rgba:
        image = np.dstack([image] * 3 + [np.full_like(image, 255)])
    (folder / IMAGE_FOLDER / study.image_id).write_bytes(encode_png(image, _GRAIN))
    if study.lesions:
        bits = pack_masks(film.masks, size)
        (folder / MASK_FOLDER / study.image_id).write_bytes(encode_png(bits, _SHAPES))
    return {(study.image_id, finding): tight_box(film.masks[finding]) for finding in study.boxed}
