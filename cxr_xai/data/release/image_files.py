"""Which file holds which image. No image is opened, and no path is made from a name in a table."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cxr_xai.data.release.image_names import IMAGE_SUFFIXES, Names, as_names, positions
from cxr_xai.data.release.links import Gate

Paths = npt.NDArray[np.object_]


def find_images(root: Path, images: Names, gate: Gate) -> tuple[Paths, dict[str, int]]:
    """Find the file of every image in ``images/``, ``images_0xx/images/`` or ``images_0xx/``.

    A file of exactly that name comes first, else one of the same stem with another suffix (converted copies): by the
    order of ``IMAGE_SUFFIXES``, whatever their case. Among equals the folders count in the order above.

    Args:
        root: the folder of the source.
        images: names, each once.
        gate: refuses or counts links that lead out.

    Returns:
        ``(images,)`` paths, None where there is no file; and what was found, in words → number.
    """
    return match_files(list(image_folders(root, gate)), images, gate)


def match_files(folders: Sequence[Path], images: Names, gate: Gate) -> tuple[Paths, dict[str, int]]:
    """Find the file of every image in these folders, by the rules of `find_images`.

    Args:
        folders: that were looked at already; the first that has a name counts.
        images: names, each once.
        gate: refuses or counts links that lead out.
    """
    listed = [list_files(folder, gate) for folder in folders]
    names = as_names([name for files in listed for name in files])
    folder = np.repeat(np.arange(len(folders)), [len(files) for files in listed])
    file = positions(images, names)
    used = np.zeros(len(names), bool)
    used[file[file >= 0]] = True
    file, twice, strange = _match_stems(images, names, file, np.flatnonzero(~used))
    chosen = pa.array(file, mask=file < 0)
    where = pa.array([str(folder) for folder in folders], pa.string()).take(pa.array(folder).take(chosen))
    paths = pc.binary_join_element_wise(where, names.take(chosen), os.sep)
    found = int((file >= 0).sum())
    return paths.to_numpy(zero_copy_only=False), {
        "rows without an image file": len(images) - found,
        "images found": found,
        "images found twice (first kept)": twice,
        "image files without a row": strange,
    }


def image_folders(root: Path, gate: Gate) -> Iterator[Path]:
    """Yield the folders that may hold images, each once even if links lead there twice."""
    flat, archives = root / "images", sorted(root.glob("images_*"))
    inner = [archive / "images" for archive in archives]
    for folder in (flat, *archives, *inner):
        gate.check(folder)
    seen = set()
    for folder in (flat, *inner, *archives):
        real = os.path.realpath(folder)
        if folder.is_dir() and real not in seen:
            seen.add(real)
            yield folder


def list_files(folder: str | Path, gate: Gate) -> list[str]:
    """Return the names of the files in a folder; links to images are looked at."""
    with os.scandir(folder) as entries:
        found = list(entries)
    # The kind comes with the listing: 112,120 films cost no look at a single one.
    plain = [entry.is_file(follow_symlinks=False) for entry in found]
    if not all(plain):
        for entry in found:
            if entry.is_symlink() and entry.name.lower().endswith(IMAGE_SUFFIXES):
                gate.check(entry.path)
        found = [entry for entry, is_plain in zip(found, plain, strict=True) if is_plain or entry.is_file()]
    names = [entry.name for entry in found]
    # A name that is not text stands in no table.
    return names if "".join(names).isascii() else [name for name in names if _is_text(name)]


def _match_stems(
    images: Names, names: Names, file: npt.NDArray[np.int64], unused: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], int, int]:
    """Give images without a file the best unused file of their stem.

    Returns:
        ``(images,)`` file numbers, how many images have further files, how many image files belong to no image.
    """
    if not len(unused):
        return file, 0, 0
    spare = names.take(pa.array(unused))
    suffix = positions(pc.utf8_lower(pc.extract_regex(spare, r"(?P<s>\.[^.]*)$").field("s")), as_names(IMAGE_SUFFIXES))
    ordered = unused[suffix >= 0][np.argsort(suffix[suffix >= 0], kind="stable")]
    owner = positions(_stems(names.take(pa.array(ordered))), _stems(images))
    ordered, owner, strange = ordered[owner >= 0], owner[owner >= 0], int((owner < 0).sum())
    free = file[owner] < 0
    file = file.copy()
    file[owner[free][::-1]] = ordered[free][::-1]  # backwards, so that the first of several has the last word
    return file, len(np.unique(owner[file[owner] != ordered])), strange


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _stems(names: Names) -> Names:
    return pc.replace_substring_regex(names, r"\.[^.]*$", "")
