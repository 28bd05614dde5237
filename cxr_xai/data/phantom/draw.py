"""Draw studies by lot: every random decision of a folder, made before any pixel."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cxr_xai.data.phantom.labels import draw_age, draw_label_sets, draw_sex, draw_view
from cxr_xai.data.phantom.lesions import draw_lesion
from cxr_xai.data.phantom.spec import (
    FIRST_TEST_PATIENT,
    TIED,
    Body,
    Film,
    Lesion,
    Part,
    PhantomSpec,
    PhantomStudy,
    View,
)
from cxr_xai.findings import BOXED, FINDINGS, INDEX

_IMAGES = (0.42, 0.26, 0.15, 0.09, 0.05, 0.03)  # chance of 1, 2, ... films a patient: mean 2.2
_RGBA = 0.015  # share of files with four channels (1-2 % in the release)
_PATIENT_STREAM, _LESION_STREAM = 10_000, 20_000  # beyond any image number, so that no two streams meet

# Width, height and pixel spacing (mm) as they stand in the release, most frequent first, by view.
_FORMATS: dict[str, tuple[tuple[int, int, float], ...]] = {
    "PA": (
        (2992, 2991, 0.14300000000000002),
        (2500, 2048, 0.168),
        (2048, 2500, 0.168),
        (2021, 2021, 0.19431099999999998),
    ),
    "AP": ((2500, 2048, 0.168), (3056, 2544, 0.139), (2500, 2048, 0.171)),
}


def draw_studies(spec: PhantomSpec) -> list[PhantomStudy]:
    """Draw all studies of a folder, patients in the order of their numbers.

    A study depends on the seed, its patient and its image number, never on how many patients there are.
    """
    return [study for patient in _patients(spec) for study in _draw_patient(spec, patient)]


def draw_study(spec: PhantomSpec, patient: int, image: int = 0) -> PhantomStudy:
    """Draw one study; the same as the one in `draw_studies`.

    Raises:
        IndexError: the patient has fewer images.
    """
    return _draw_patient(spec, patient)[image]


def _patients(spec: PhantomSpec) -> Iterator[int]:
    yield from range(1, spec.train_val_patients + 1)
    yield from range(FIRST_TEST_PATIENT, FIRST_TEST_PATIENT + spec.test_patients)


def _draw_patient(spec: PhantomSpec, patient: int) -> list[PhantomStudy]:
    rng = np.random.default_rng([spec.seed, patient, _PATIENT_STREAM])
    part: Part = "test" if patient >= FIRST_TEST_PATIENT else "train_val"
    order = patient - (FIRST_TEST_PATIENT if part == "test" else 1)
    images = 1 + int(rng.choice(len(_IMAGES), p=_IMAGES))
    sets = draw_label_sets(rng, spec.prevalence, order, images)
    sex, age = draw_sex(rng, sets[0]), draw_age(rng, sets[0])
    body = _draw_body(rng, female=sex == "F")
    return [
        _draw_image(spec, (patient, image), part, sets[follow_up], _Person(body, sex, age, follow_up))
        for image, follow_up in enumerate(_draw_follow_ups(rng, images))
    ]


@dataclass(frozen=True)
class _Person:
    """The patient on the day of one film; `age` is that of the first."""

    body: Body
    sex: Literal["M", "F"]
    age: int
    follow_up: int


def _draw_image(
    spec: PhantomSpec, number: tuple[int, int], part: Part, findings: tuple[str, ...], person: _Person
) -> PhantomStudy:
    patient, image = number
    rng = np.random.default_rng([spec.seed, patient, image])
    view = draw_view(rng, findings)
    formats = _FORMATS[view]
    original = formats[min(int(rng.exponential(1.0)), len(formats) - 1)]
    film, rgba = _draw_film(rng, view), bool(rng.random() < _RGBA)
    marker, drain, brightness = _draw_shortcuts(spec.shortcut_strength, rng, findings, view)
    return PhantomStudy(
        patient=patient,
        image=image,
        part=part,
        follow_up=person.follow_up,
        age=min(person.age + person.follow_up // 2, 95),
        sex=person.sex,
        view=view,
        original=original,
        body=person.body,
        film=film,
        boxed=_draw_boxed(spec, rng, part, findings),
        lesions={name: _draw_lesion(spec, patient, rng, name) for name in FINDINGS if name in findings},
        marker=marker,
        drain=drain,
        brightness=brightness,
        rgba=rgba,
    )


def _draw_follow_ups(rng: np.random.Generator, images: int) -> list[int]:
    """The release numbers some files out of the order of their dates: there the first file is the latest film."""
    return [images - 1, *range(images - 1)] if rng.random() < 0.2 else list(range(images))


def _normal(rng: np.random.Generator, mean: float, deviation: float, low: float, high: float) -> float:
    return float(min(max(rng.normal(mean, deviation), low), high))


def _draw_body(rng: np.random.Generator, female: bool) -> Body:
    return Body(
        scale=_normal(rng, 0.96 if female else 1.0, 0.05, 0.82, 1.12),
        width=_normal(rng, 1.0, 0.05, 0.88, 1.12),
        habitus=float(rng.beta(1.6, 2.4)),
        female=female,
        heart=_normal(rng, 1.0, 0.06, 0.86, 1.14),
        dome=_normal(rng, 1.0, 0.18, 0.6, 1.5),
        shoulders=_normal(rng, 0.0, 1.0, -2, 2),
        seed=int(rng.integers(2**31)),
    )


def _draw_film(rng: np.random.Generator, view: View) -> Film:
    ap = view == "AP"  # at the bedside: shallow breath, turned and tilted patient, grainy film
    spread = 1.7 if ap else 1.0
    return Film(
        shift=(float(rng.normal(0, 0.018 * spread)), float(rng.normal(0, 0.018 * spread))),
        tilt=float(rng.normal(0, 1.6 * spread)),
        turn=_normal(rng, 0.0, 0.3 * spread, -1.0, 1.0),
        inspiration=float(rng.normal(-0.045 if ap else 0.0, 0.025)),
        exposure=float(rng.normal(1.0, 0.09)),
        gamma=_normal(rng, 1.0, 0.10, 0.75, 1.3),
        noise=float(rng.uniform(2.0, 5.5) if ap else rng.uniform(1.5, 4.5)),
        arms_down=bool(rng.random() < (0.70 if ap else 0.12)),
        seed=int(rng.integers(2**31)),
    )


def _draw_lesion(spec: PhantomSpec, patient: int, rng: np.random.Generator, finding: str) -> Lesion:
    """The patient's own lesion of this finding, a little better or worse on this film."""
    stream = np.random.default_rng([spec.seed, patient, _LESION_STREAM + INDEX[finding]])
    return draw_lesion(stream, finding, change=float(rng.normal(0, 0.1)))


def _tie(strength: float, base: float, tied: float) -> float:
    """Probability that moves from `base` at strength 0 to `tied` at strength 1."""
    return base + strength * (tied - base)


def _draw_boxed(spec: PhantomSpec, rng: np.random.Generator, part: Part, findings: tuple[str, ...]) -> tuple[str, ...]:
    """Test findings whose box was drawn; as in the release some are left out, which does not mean absent."""
    kept = rng.random(len(BOXED)) < spec.boxed_fraction
    return tuple(f for f, keep in zip(BOXED, kept, strict=True) if part == "test" and keep and f in findings)


def _draw_shortcuts(
    strength: float, rng: np.random.Generator, findings: tuple[str, ...], view: View
) -> tuple[bool, bool, float]:
    """Plant marker, drain and brightness.

    The marker is tied to Pneumonia (Zech 2018: networks read the hospital's token), the drain to Pneumothorax, whose
    treatment it is (Oakden-Rayner 2020), the brightness to the view.
    """
    marker, drain, bright = rng.random(3)
    free, tied = float(rng.normal(0, 7.0)), (14.0 if view == "AP" else -14.0) * (0.6 + 0.8 * float(bright))
    return (
        bool(marker < _tie(strength, 0.25, 0.92 if TIED["marker"] in findings else 0.05)),
        bool(drain < _tie(strength, 0.10, 0.85 if TIED["drain"] in findings else 0.02)),
        _tie(strength, free, tied),
    )
