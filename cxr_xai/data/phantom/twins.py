"""What is true on a phantom: where every lesion lies, and the same film without its shortcut."""

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.data.films.decode import Pixels, shrink
from cxr_xai.data.phantom.draw import draw_studies
from cxr_xai.data.phantom.read import VERSION, differences, read_mask, read_spec
from cxr_xai.data.phantom.render import render, render_twins
from cxr_xai.data.phantom.spec import SHORTCUTS, PhantomStudy
from cxr_xai.errors import UserError

Mask = npt.NDArray[np.bool_]


class PhantomTruth:
    """Masks and twins of the studies of a phantom folder, at the size at which films are served.

    Args:
        root: the folder of the phantom.
        size: side of the served films in pixels.

    Raises:
        UserError: the folder is no phantom, or another version of the generator made it.
    """

    def __init__(self, root: Path, size: int) -> None:
        try:
            self.spec = read_spec(root)
        except UserError as error:
            raise UserError(f"{error}: only a phantom knows where its lesions and shortcuts are.") from None
        if found := differences(root, self.spec):
            raise UserError(f"{root} holds a phantom of {found} ({VERSION}); write it again to know its truth.")
        self.root, self.size = Path(root), size

    @cached_property
    def studies(self) -> dict[str, PhantomStudy]:
        """All studies by image id, as they were drawn by lot."""
        return {study.image_id: study for study in draw_studies(self.spec)}

    def lesions(self, image_id: str) -> dict[str, Mask]:
        """Return ``(S, S)`` bool per finding: pixels half covered by its lesion at least, else all that it touches.

        Raises:
            UserError: the folder has no such image.
        """
        return {name: shrink_mask(mask, self.size) for name, mask in read_mask(self.root, image_id).items()}

    def shortcuts(self, image_id: str) -> tuple[str, ...]:
        """Return which shortcuts were planted into a study.

        Raises:
            UserError: the phantom has no such study.
        """
        study = self._study(image_id)
        planted = (study.marker, study.drain, study.brightness != 0)
        return tuple(name for name, there in zip(SHORTCUTS, planted, strict=True) if there)

    def twin(self, image_id: str, without: str) -> Pixels:
        """Return ``(S, S)`` uint8: the film as it is served, had this shortcut not been planted.

        It is equal to the served film outside of the shortcut's mask.

        Raises:
            UserError: the phantom has no such study, or the study has no such shortcut.
        """
        return self.twins(image_id, [(without,)])[0]

    def twins(self, image_id: str, without: Sequence[Collection[str]]) -> list[Pixels]:
        """Return ``(S, S)`` uint8 films without one set of planted shortcuts each; the patient is drawn once.

        Raises:
            UserError: the phantom has no such study, or the study has not all of these shortcuts.
        """
        study = self._study(image_id)
        for name in sorted({name for names in without for name in names}):
            self._planted(image_id, name)
        return [shrink(film, self.size) for film in render_twins(study, self.spec, without)]

    def shortcut(self, image_id: str, name: str) -> Mask:
        """Return ``(S, S)`` bool: the pixels that a shortcut touches, if only in part.

        Raises:
            UserError: the phantom has no such study, or the study has no such shortcut.
        """
        return shrink_mask(render(self._planted(image_id, name), self.spec).masks[name], self.size, least=0.0)

    def _planted(self, image_id: str, name: str) -> PhantomStudy:
        if name not in (planted := self.shortcuts(image_id)):
            raise UserError(f"{image_id} has no {name} to leave out; it has {', '.join(planted) or 'no shortcut'}.")
        return self._study(image_id)

    def _study(self, image_id: str) -> PhantomStudy:
        name = f"{image_id.removesuffix('.png')}.png"
        if name not in self.studies:
            raise UserError(f"the phantom in {self.root} has no study {image_id}.")
        return self.studies[name]


def shrink_mask(mask: Mask, size: int, least: float = 0.5) -> Mask:
    """Return ``(size, size)`` bool: pixels of which the mask covers ``least`` or more, and some of it.

    A mask that covers no pixel so far gives all that it touches: a thin lesion does not vanish.

    Args:
        mask: ``(H, W)``.
        size: side wanted.
        least: share of a pixel, 0 to 1.

    >>> shrink_mask(np.array([[True, True, False, False]] * 4), 2).tolist()
    [[True, False], [True, False]]
    >>> shrink_mask(np.array([[True, False, False, False]] + [[False] * 4] * 3), 2).tolist()  # a quarter of a pixel
    [[True, False], [False, False]]
    """
    if mask.shape == (size, size):
        return mask
    share = cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    touched = share > 1e-6
    covered = touched & (share >= least - 1e-6)
    return np.asarray(covered if covered.any() else touched, np.bool_)
