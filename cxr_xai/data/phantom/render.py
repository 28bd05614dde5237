"""From a drawn study to pixels: an additive sum of optical thickness, one gray curve, one grain."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.data.phantom.bones import draw_bones
from cxr_xai.data.phantom.canvas import Canvas, Field
from cxr_xai.data.phantom.lesions import DRAWERS, Scene
from cxr_xai.data.phantom.lungs import AIR, Lungs, shape_lungs
from cxr_xai.data.phantom.shortcuts import WHITE, draw_drain, draw_laterality, draw_marker
from cxr_xai.data.phantom.soft_tissue import (
    draw_abdomen,
    draw_breasts,
    draw_gas,
    draw_heart,
    draw_mediastinum,
    draw_trunk,
)
from cxr_xai.data.phantom.spec import SHORTCUTS, PhantomSpec, PhantomStudy
from cxr_xai.data.phantom.vessels import draw_markings
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RenderedStudy:
    """A finished film.

    Attributes:
        image: ``(H, W)`` uint8.
        masks: ``(H, W)`` bool for each finding and shortcut that was drawn: the pixels that it may have changed.
    """

    image: npt.NDArray[np.uint8]
    masks: dict[str, Mask]


@dataclass(frozen=True)
class _Chest:
    """The healthy or altered chest before lesions: optical thickness without markings, and the markings apart."""

    bare: Field
    markings: Field


def hyperinflation(study: PhantomStudy) -> float:
    """Return how much trapped air the study's Emphysema means, 0 without it."""
    lesion = study.lesions.get("Emphysema")
    return 0.12 + 0.70 * lesion.severity if lesion else 0.0


def enlargement(study: PhantomStudy) -> float:
    """Return how much larger than healthy the study's Cardiomegaly makes the heart, 0 without it."""
    lesion = study.lesions.get("Cardiomegaly")
    return 0.20 + 0.65 * lesion.severity if lesion else 0.0


class _Painter:
    """Draws one study; what does not depend on the findings is drawn once."""

    def __init__(self, study: PhantomStudy, size: int) -> None:
        self.study, self.size = study, size
        body, film, view = study.body, study.film, study.view
        self.canvas = canvas = Canvas(size, body, film)
        self._hearts: dict[tuple[float, float], Field] = {}
        self.hyper = hyperinflation(study)
        self.healthy = Lungs(canvas, shape_lungs(body, film))
        self.lungs = Lungs(canvas, shape_lungs(body, film, self.hyper)) if self.hyper else self.healthy
        self.scene = Scene(canvas, self.lungs, self.heart())
        self.mediastinum, windpipe = draw_mediastinum(canvas, film)
        self.frame = draw_trunk(canvas, body, film)
        self.frame += draw_bones(canvas, self.healthy.shape, body, film, view)
        self.frame -= np.float32(0.20) * windpipe
        if body.female:
            self.frame += draw_breasts(canvas, body, film)
        self.abdomen = draw_abdomen(canvas) * np.float32(0.66) - draw_gas(canvas, body) * np.float32(0.5)
        self.markings = draw_markings(canvas, body)

    def heart(self, without: Collection[str] = ()) -> Field:
        """The heart, enlarged if the study has Cardiomegaly."""
        study = self.study
        enlarged = 0.0 if "Cardiomegaly" in without else enlargement(study)
        hyper = 0.0 if "Emphysema" in without else self.hyper
        if (enlarged, hyper) not in self._hearts:
            field = draw_heart(self.canvas, study.body, study.film, study.view, enlarged, hyper)
            self._hearts[enlarged, hyper] = field
        return self._hearts[enlarged, hyper]

    def chest(self, without: Collection[str]) -> _Chest:
        """The chest with or without its Cardiomegaly and Emphysema."""
        hyper = 0.0 if "Emphysema" in without else self.hyper
        lungs = self.lungs if hyper else self.healthy
        heart = self.heart(without)
        center = np.maximum(self.mediastinum, heart)
        below = self.abdomen * (1 - lungs.both)
        clear = 1 - np.float32(0.80) * heart  # little air, and few vessels, in front of and behind the heart
        center *= np.float32(0.48)
        center *= 1 - np.maximum(below, 0)
        center += below
        center += self.frame
        center -= lungs.depth * clear * np.float32(AIR * (1 + 0.16 * hyper))
        clear *= lungs.both
        clear *= self.markings
        clear *= np.float32(1 - 0.45 * hyper)
        return _Chest(bare=center, markings=clear)


def _develop(painter: _Painter, chest: _Chest, adds: Field, seen: Field, brightness: float, letters: Field) -> Field:
    """Optical thickness to gray levels: Beer-Lambert, then the film's curve."""
    film = painter.study.film
    thickness = chest.markings * seen
    thickness += chest.bare
    thickness += adds
    np.maximum(thickness, np.float32(0.03), out=thickness)
    thickness *= np.float32(-0.97 * film.exposure)
    absorbed = 1 - cv2.exp(thickness)
    exponent = cv2.log(absorbed) * np.float32(film.gamma)
    exponent += np.float32(np.log(255))
    gray = np.asarray(cv2.exp(exponent), np.float32)  # 255 * absorbed**gamma
    gray += _grain(film.seed, film.noise, painter.size)
    gray += np.float32(brightness)
    return np.asarray(gray + (np.float32(WHITE) - gray) * letters, np.float32)


@cache
def _quantiles() -> Field:
    """The normal distribution in 256 equally likely steps."""
    return np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)], np.float32)


def _grain(seed: int, deviation: float, size: int) -> Field:
    """Independent normal noise in gray levels; a table over random bytes costs a tenth of drawing normal numbers."""
    noise = np.random.default_rng([seed, 0]).bytes(size * size)
    table = _quantiles() * np.float32(deviation)
    return np.asarray(cv2.LUT(np.frombuffer(noise, np.uint8).reshape(size, size), table), np.float32)


def render(study: PhantomStudy, spec: PhantomSpec | int, without: Collection[str] = ()) -> RenderedStudy:
    """Render a study, all of it or without some findings or shortcuts.

    Leaving something out moves nothing else: lesions keep their place, the grain stays the same, and the two images
    are equal outside the mask of what was left out.

    Args:
        study: as drawn by `draw_studies`.
        spec: the folder's spec, or the side of the image in pixels.
        without: findings and shortcuts (``marker``, ``drain``, ``brightness``) not to draw; absent ones are fine.

    Raises:
        UserError: a name in `without` is neither.
    """
    unknown = sorted(set(without) - {*FINDINGS, *SHORTCUTS})
    if unknown:
        raise UserError(f"cannot render without {unknown[0]!r}: name one of {', '.join((*FINDINGS, *SHORTCUTS))}")
    painter = _Painter(study, spec if isinstance(spec, int) else spec.image_size)
    masks: dict[str, Mask] = {}
    chest = painter.chest(without)
    adds, seen = _add_lesions(painter, without, masks)
    _mask_chest(painter, chest, without, masks)
    return RenderedStudy(_finish(painter, chest, adds, seen, without, masks), masks)


def render_twins(
    study: PhantomStudy, spec: PhantomSpec | int, without: Sequence[Collection[str]]
) -> list[npt.NDArray[np.uint8]]:
    """Render a study once for each set of shortcuts to leave out; patient and lesions are drawn once.

    Args:
        study: as drawn by `draw_studies`.
        spec: the folder's spec, or the side of the image in pixels.
        without: sets of shortcuts.

    Returns:
        ``(H, W)`` uint8 each, what `render` gives without them.

    Raises:
        UserError: a name is no shortcut.
    """
    if unknown := sorted({name for names in without for name in names} - {*SHORTCUTS}):
        raise UserError(f"cannot render twins without {unknown[0]!r}: name one of {', '.join(SHORTCUTS)}")
    painter = _Painter(study, spec if isinstance(spec, int) else spec.image_size)
    chest = painter.chest(())
    adds, seen = _add_lesions(painter, (), {})
    return [_finish(painter, chest, adds.copy(), seen, names, {}) for names in without]


def _finish(
    painter: _Painter, chest: _Chest, adds: Field, seen: Field, without: Collection[str], masks: dict[str, Mask]
) -> npt.NDArray[np.uint8]:
    """Add the shortcuts to ``adds`` and ``masks``, and develop the film."""
    letters = _add_shortcuts(painter, without, masks, adds)
    brightness = painter.study.brightness if "brightness" not in without else 0.0
    gray = _develop(painter, chest, adds, seen, brightness, letters)
    return np.asarray(cv2.convertScaleAbs(np.maximum(gray, 0)), np.uint8)  # rounds, and stops at 255


def _add_lesions(painter: _Painter, without: Collection[str], masks: dict[str, Mask]) -> tuple[Field, Field]:
    """Optical thickness that the lesions add, and the share of the markings that is still seen; fills `masks`."""
    adds = painter.scene.blank()
    seen = np.ones_like(adds)
    for finding, lesion in painter.study.lesions.items():
        if finding in without or finding not in DRAWERS:
            continue
        change = DRAWERS[finding](painter.scene, lesion)
        adds += change.add
        masks[finding] = change.add != 0
        if change.fade is not None:
            seen *= 1 - change.fade
            masks[finding] |= change.fade > 0
    return adds, seen


def _mask_chest(painter: _Painter, chest: _Chest, without: Collection[str], masks: dict[str, Mask]) -> None:
    """Masks of the findings that change the chest itself: the pixels that differ from the chest without them."""
    for finding in ("Cardiomegaly", "Emphysema"):
        if finding in painter.study.lesions and finding not in without:
            other = painter.chest({*without, finding})
            masks[finding] = (chest.bare != other.bare) | (chest.markings != other.markings)
    if "Cardiomegaly" in masks:  # the whole heart, not only what it gained
        masks["Cardiomegaly"] |= painter.heart(without) > 0.1
    if "Emphysema" in masks:
        masks["Emphysema"] |= painter.lungs.both > 0.1


def _add_shortcuts(painter: _Painter, without: Collection[str], masks: dict[str, Mask], adds: Field) -> Field:
    study, size = painter.study, painter.size
    if study.drain and "drain" not in without:
        drain = draw_drain(painter.scene, study.film, study.lesions.get("Pneumothorax"))
        adds += drain
        masks["drain"] = drain != 0
    letters = draw_laterality(size, study.film)
    if study.marker and "marker" not in without:
        marker = draw_marker(size, study.film)
        letters = np.maximum(letters, marker)
        masks["marker"] = marker > 0
    if study.brightness and "brightness" not in without:
        masks["brightness"] = np.ones((size, size), bool)
    return letters
