"""Where neighbors are looked for: principal components of thumbnails."""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from cxr_xai.data.films.decode import Pixels
from cxr_xai.data.films.files import Films

THUMBNAIL = 32
"""Side in pixels: posture, habitus and large shadows remain, which is what makes two films blend without seams."""

CHUNK = 256
"""Films in memory at a time: 13 MB at 224 px."""

FITTED = 20_000
"""Films that the components are fitted to, at most: twenty for each of a thumbnail's 1,024 pixels settle its leading
directions, and reading the other three quarters of the release would only lengthen the start."""


def make_thumbnails(films: Pixels) -> npt.NDArray[np.float32]:
    """Return ``(n, 1024)`` thumbnails of ``(n, H, W)`` films, each of mean 0 and standard deviation 1.

    Pixels are averaged by area. Standardizing takes out exposure, which would dominate distances. A film of one gray
    level becomes 0.
    """
    size = (THUMBNAIL, THUMBNAIL)
    small = np.stack([cv2.resize(film, size, interpolation=cv2.INTER_AREA) for film in films])
    flat = small.reshape(len(films), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    spread = flat.std(axis=1, keepdims=True)
    np.divide(flat, spread, out=flat, where=spread > 0)
    return flat


def read_thumbnails(films: Films, rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the thumbnails of these rows, ``CHUNK`` films at a time."""
    for start in range(0, len(rows), CHUNK):
        yield make_thumbnails(films[rows[start : start + CHUNK]])


def embed_thumbnails(
    films: Films, count: int, rows: npt.NDArray[np.int64], components: int, seed: int
) -> npt.NDArray[np.float32]:
    """Return ``(len(rows), d)`` principal components of the thumbnails of ``rows``.

    The components are fitted to all ``count`` films of the training part, or to ``FITTED`` of them drawn by ``seed``.
    ``d`` is ``components``, or the number of fitted films or of pixels where that is smaller.
    """
    fitted = np.arange(count)
    if count > FITTED:
        fitted = np.sort(np.random.default_rng(seed).choice(count, FITTED, replace=False))
    thumbnails = np.concatenate(list(read_thumbnails(films, fitted)))
    # The eigenvectors of the covariance are exact, unlike randomized ones, and need no second copy of the thumbnails.
    pca = PCA(min(components, *thumbnails.shape), svd_solver="covariance_eigh")
    with np.errstate(invalid="ignore"):  # films that are all alike have no variance to share out
        pca.fit(thumbnails)
    return np.concatenate([pca.transform(chunk) for chunk in read_thumbnails(films, rows)])
