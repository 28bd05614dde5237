"""Exact regions of a phantom's films: the outlines that its generator drew them with."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from cxr_xai.data.anatomy.regions import Mask, Regions, compose_regions
from cxr_xai.data.phantom.canvas import Canvas
from cxr_xai.data.phantom.draw import draw_study
from cxr_xai.data.phantom.lungs import Lungs, shape_lungs
from cxr_xai.data.phantom.read import read_spec
from cxr_xai.data.phantom.render import enlargement, hyperinflation
from cxr_xai.data.phantom.soft_tissue import draw_heart, draw_mediastinum
from cxr_xai.data.phantom.spec import PhantomStudy
from cxr_xai.errors import UserError

INSIDE = 0.5
"""An outline's edge is soft; half of it belongs to the region."""


def draw_regions(study: PhantomStudy, size: int) -> Regions:
    """Return the ``(size, size)`` label map of a drawn study, its findings included: a large heart has a large region.

    The mediastinum reaches from the apex of the lungs to the bottom of the heart; above is the neck, which is outside.
    Below the diaphragm reaches sideways as far as the chest's inner wall.
    """
    canvas = Canvas(size, study.body, study.film)
    hyper = hyperinflation(study)
    shape = shape_lungs(study.body, study.film, hyper)
    lungs = Lungs(canvas, shape)
    heart = draw_heart(canvas, study.body, study.film, study.view, enlargement(study), hyper)
    mediastinum = draw_mediastinum(canvas, study.film)[0]
    x, y = canvas.xy
    bottom = y[heart > INSIDE].max()
    floor = np.where(x < 0, shape.diaphragm(x, -1), shape.diaphragm(x, 1))
    return compose_regions(
        right=lungs[-1] > INSIDE,
        left=lungs[1] > INSIDE,
        heart=heart > INSIDE,
        mediastinum=(mediastinum > INSIDE) & (y > 0) & (y <= bottom),
        below=(y > np.minimum(floor, bottom)) & (np.abs(x) <= shape.wall(np.array(shape.floor))),
        level=y,
    )


class PhantomAnatomy:
    """Regions of a phantom folder's films, drawn again from its spec.

    Args:
        root: the phantom folder.

    Raises:
        UserError: the folder has no readable ``phantom.json``.
    """

    name = "phantom"

    def __init__(self, root: str | Path) -> None:
        self.spec = read_spec(Path(root))

    def known(self, image: Tensor, image_ids: Sequence[str]) -> Mask:
        """``(N,)`` true where the name is one of a phantom film."""
        return np.array([re.fullmatch(r"\d{8}_\d{3}\.png", name) is not None for name in image_ids], bool)

    def regions(self, image: Tensor, image_ids: Sequence[str]) -> Regions:
        """``(N, 1, H, W)`` films and their names → ``(N, H, W)`` label maps.

        Drawn at the size of the stored film and brought to the size asked for by nearest pixel centers.

        Raises:
            UserError: the generator drew no such film.
        """
        height, width = image.shape[-2:]
        labels = [draw_regions(self._study(name), self.spec.image_size) for name in image_ids]
        resized = [
            cv2.resize(one.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT) for one in labels
        ]
        return np.stack(resized).astype(np.int64)

    def fingerprint(self, image_id: str) -> str:
        """Return the SHA-256 of the spec that all films are drawn from."""
        return hashlib.sha256(repr(self.spec).encode()).hexdigest()

    def _study(self, name: str) -> PhantomStudy:
        try:
            patient, number = (int(part) for part in name.removesuffix(".png").split("_"))
            return draw_study(self.spec, patient, number)
        except (ValueError, IndexError):
            raise UserError(f"{name} is no film of this phantom; name one of its Data_Entry_2017_v2020.csv.") from None
