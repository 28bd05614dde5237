"""Films that are there twice: the same file, the same pixels in another file, or nearly the same picture."""

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.data.audit.thumbnails import Thumbnails, near_pairs
from cxr_xai.data.films.decode import Pixels
from cxr_xai.data.films.files import Films

MOST_BITS = 40
"""Of 255. Films of the release differ in 62 and more; the same film saved as JPEG, resized, with other brightness,
gamma, local contrast or noise in 0 to 38 (160 films of 160 patients)."""

LEAST_CORRELATION = 0.85
"""Of fine detail. Different films of the release reach .71, the changed copies above stay over .91, and most of those
with a letter on them do. Synthetic films, whose anatomy is much alike, pass the hash but hardly this."""

COLUMNS = ("first", "second", "kind", "bits", "correlation")


def find_copies(facts: pd.DataFrame) -> pd.DataFrame:
    """Return each copy with the first film that it equals: ``same file`` or ``same pixels``.

    Args:
        facts: the columns of ``FilmFacts``; films that could not be read are copies of nothing.
    """
    number = pd.Series(np.arange(len(facts)))
    pixels, file = facts["pixels"].reset_index(drop=True), facts["sha256"].reset_index(drop=True)
    first = number.groupby(pixels).transform("min")
    same_file = file.to_numpy() == file.to_numpy()[first]
    found = pd.DataFrame({"first": first, "second": number, "kind": np.where(same_file, "same file", "same pixels")})
    return found[(found["first"] != found["second"]) & (pixels != "")].assign(bits=0, correlation=1.0)


def detail(film: Pixels) -> npt.NDArray[np.float32]:
    """Return ``(64²,)`` what a film has finer than anatomy, of mean 0 and length 1: products are correlations."""
    small = cv2.resize(film, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = (small - cv2.GaussianBlur(small, (0, 0), 2)).ravel()
    fine -= fine.mean()
    return np.asarray(fine / max(float(np.linalg.norm(fine)), 1e-6), np.float32)


def find_near(films: Films, thumbnails: Thumbnails, fit: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Return pairs of films that look the same though their pixels differ: near hashes, then the same fine detail.

    Args:
        films: all films; only those with near hashes are read.
        thumbnails: of all films.
        fit: ``(N,)`` true for films to compare: one of each set of copies, without the unfit.
    """
    rows = np.flatnonzero(fit)
    found: dict[str, list[npt.NDArray[np.int64]]] = {"first": [], "second": [], "bits": []}
    for first, second, bits in near_pairs(thumbnails.hashes[rows], MOST_BITS):
        for name, values in (("first", rows[first]), ("second", rows[second]), ("bits", bits)):
            found[name].append(values)
    pairs = pd.DataFrame({name: np.concatenate([*parts, np.zeros(0, np.int64)]) for name, parts in found.items()})
    correlation = [
        float(detail(films[np.array([one])][0]) @ detail(films[np.array([other])][0]))
        for one, other in zip(pairs["first"], pairs["second"], strict=True)
    ]
    table = pairs.assign(kind="near", correlation=np.array(correlation, np.float64))[list(COLUMNS)]
    return table[table["correlation"] >= LEAST_CORRELATION].reset_index(drop=True)
