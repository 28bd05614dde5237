"""Thumbnails, and components fitted to the training part alone."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA

from cxr_xai.data.balancing import embedding
from cxr_xai.data.balancing.embedding import embed_thumbnails, make_thumbnails

FILMS = np.random.default_rng(0).integers(0, 255, (40, 48, 48), dtype=np.uint8)


class Reader:
    """Notes what is read, and refuses what lies outside the part."""

    def __init__(self, films: npt.NDArray[np.uint8]) -> None:
        self.films, self.reads = films, []

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        assert ((rows >= 0) & (rows < len(self.films))).all()
        self.reads.append(rows)
        return self.films[rows]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "CHUNK", 16)


def test_thumbnails_are_averages_of_areas() -> None:
    film = np.kron(np.arange(1024).reshape(32, 32) // 8, np.ones((7, 7))).astype(np.uint8)  # 224 px, one gray a cell
    film[::7] += 14  # one row in seven brighter: every cell's mean grows by 2
    (thumbnail,) = make_thumbnails(film[None])
    cells = (np.arange(1024) // 8 + 2).astype(np.float32)
    np.testing.assert_allclose(thumbnail, (cells - cells.mean()) / cells.std(), atol=1e-5)


def test_exposure_is_taken_out() -> None:
    film = np.random.default_rng(0).integers(20, 70, (32, 32)).repeat(2, axis=0).repeat(2, axis=1)
    plain, brighter = make_thumbnails(np.stack([film, 3 * film + 30]).astype(np.uint8))
    np.testing.assert_allclose(plain, brighter, atol=1e-5)
    assert abs(float(plain.mean())) < 1e-5
    assert abs(float(plain.std()) - 1) < 1e-5


def test_a_film_of_one_gray_is_zero() -> None:
    assert not make_thumbnails(np.full((1, 50, 50), 9, np.uint8)).any()


def test_components_are_those_of_the_whole_part(small_chunks: None) -> None:
    rows = np.array([3, 17, 30])
    found = embed_thumbnails(FILMS, 40, rows, components=5, seed=0)
    full = PCA(5, svd_solver="full").fit(make_thumbnails(FILMS).astype(np.float64))
    expected = full.transform(make_thumbnails(FILMS[rows]).astype(np.float64))
    assert found.shape == (3, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-3)


def test_films_are_read_in_chunks_from_the_part_alone(small_chunks: None) -> None:
    films = Reader(FILMS)
    embed_thumbnails(films, 40, np.array([0, 39]), components=5, seed=0)
    assert max(len(rows) for rows in films.reads) == 16
    assert set(np.concatenate(films.reads)) == set(range(40))


def test_a_large_part_is_sampled_once_for_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "FITTED", 12)
    readers = [Reader(FILMS) for _ in range(3)]
    for films, seed in zip(readers, (0, 0, 1), strict=True):
        embed_thumbnails(films, 40, np.array([0]), components=5, seed=seed)
    same, again, other = (films.reads[0] for films in readers)
    assert len(set(same)) == 12
    np.testing.assert_array_equal(same, again)
    assert set(same) != set(other)


def test_no_more_components_than_films() -> None:
    assert embed_thumbnails(FILMS[:3], 3, np.arange(3), components=64, seed=0).shape == (3, 3)


def test_films_that_are_all_alike_lie_in_one_point() -> None:
    found = embed_thumbnails(np.repeat(FILMS[:1], 4, axis=0), 4, np.arange(4), components=2, seed=0)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, 0, atol=1e-3)
