"""Films that an export is compared on: of a folder, or drawn."""

import numpy as np
import numpy.typing as npt

from cxr_xai.data.films.decode import shrink
from cxr_xai.data.phantom import PhantomSpec, draw_studies, render
from cxr_xai.errors import UserError
from cxr_xai.experiments.explain.films import find_films, read_films
from cxr_xai.experiments.export.compare import BATCHES

COUNT = max(BATCHES)


def make_films(images: str | None, size: int) -> npt.NDArray[np.float32]:
    """Return ``(8, 1, size, size)`` films in [0, 1]: the first fit ones of a folder, or of the phantom.

    The last two are black and white: what is far from any film must come out alike, too.

    Args:
        images: a folder or file; null draws phantoms.
        size: side in pixels.

    Raises:
        UserError: there is no such place, or no fit film.
    """
    films = draw_phantoms(size) if images is None else read_some(images, size)
    films = [films[number % len(films)] for number in range(COUNT - 2)]
    levels = [*films, np.zeros((size, size), np.uint8), np.full((size, size), 255, np.uint8)]
    return (np.stack(levels)[:, None] / np.float32(255)).astype(np.float32)


def draw_phantoms(size: int) -> list[npt.NDArray[np.uint8]]:
    """Return phantom films, each with findings of its own."""
    spec = PhantomSpec(train_val_patients=1, test_patients=COUNT, image_size=max(size, 64))
    return [shrink(render(study, spec).image, size) for study in draw_studies(spec)[-(COUNT - 2) :]]


def read_some(images: str, size: int) -> list[npt.NDArray[np.uint8]]:
    """Return the first fit films of a folder, as many as are compared at most."""
    fit: list[npt.NDArray[np.uint8]] = []
    for film in read_films(find_films(images), size):
        fit += [] if film.pixels is None else [film.pixels]
        if len(fit) == COUNT - 2:
            break
    if not fit:
        raise UserError(f"images={images}: none of its films can be used; name another folder, or images=null.")
    return fit
