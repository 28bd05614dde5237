"""What films are compared by."""

import cv2
import numpy as np
import pytest

from cxr_xai.data.audit.thumbnails import BITS, SIDE, Thumbnails, hash_film, make_thumbnails, near_pairs


def draw_film(seed: int, side: int = 128) -> np.ndarray:
    """A smooth random picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12)).astype(np.float32)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


CHANGES = {
    "smaller": lambda film: cv2.resize(film, (64, 64), interpolation=cv2.INTER_AREA),
    "jpeg": lambda film: cv2.imdecode(cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 0),
    "gamma": lambda film: (255 * (film / 255.0) ** 0.8).astype(np.uint8),
    "flatter": lambda film: (film // 2 + 40).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_hash_outlives_what_does_not_change_the_picture(change: str) -> None:
    for seed in range(5):
        film = draw_film(seed)
        assert (hash_film(film) != hash_film(CHANGES[change](film))).sum() <= 40


def test_different_films_and_negatives_have_far_hashes() -> None:
    hashes = np.stack([hash_film(draw_film(seed)) for seed in range(20)])
    apart = (hashes[:, None] != hashes).sum(axis=-1)
    assert apart[np.triu_indices(20, 1)].min() > 60
    assert (hash_film(draw_film(0)) != hash_film(255 - draw_film(0))).sum() > 200


def test_thumbnails_are_standardized_and_blank_ones_correlate_with_nothing() -> None:
    films = np.stack([draw_film(0), np.full((128, 128), 9, np.uint8)])
    made = make_thumbnails(films, np.ones(2, bool))
    assert made.pixels.shape == (2, SIDE**2)
    assert made.hashes.shape == (2, BITS)
    rows = made.standardize(np.arange(2))
    np.testing.assert_allclose(rows[0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose((rows**2).sum(axis=1), [1, 0], atol=1e-5)


def test_every_film_is_read_once_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from cxr_xai.data.audit import thumbnails

    monkeypatch.setattr(thumbnails, "CHUNK", 3)
    films, seen = np.stack([draw_film(seed) for seed in range(8)]), []
    made = make_thumbnails(films, np.ones(8, bool), lambda done, total: seen.append((done, total)))
    assert seen == [(3, 8), (6, 8), (8, 8)]
    np.testing.assert_array_equal(made.hashes[7], hash_film(films[7]))


@pytest.mark.parametrize("block", [1, 4, 100])
def test_near_pairs_are_all_pairs_within_the_bound(block: int) -> None:
    random = np.random.default_rng(0)
    hashes = random.random((30, BITS)) > 0.5
    hashes[7] = hashes[3] ^ (np.arange(BITS) < 5)
    hashes[20] = hashes[3]
    hashes[21] = hashes[3] ^ (np.arange(BITS) < 41)
    parts = list(near_pairs(hashes, 40, block))
    found = {(int(a), int(b)): int(n) for part in parts for a, b, n in zip(*part, strict=True)}
    expected = {
        (a, b): int((hashes[a] != hashes[b]).sum())
        for a in range(30)
        for b in range(a + 1, 30)
        if (hashes[a] != hashes[b]).sum() <= 40
    }
    assert found == expected
    assert found == {(3, 7): 5, (3, 20): 0, (7, 20): 5, (7, 21): 36}


def test_no_film_no_pair() -> None:
    assert list(near_pairs(np.zeros((0, BITS), bool), 40)) == []
    assert isinstance(make_thumbnails(np.zeros((0, 8, 8), np.uint8), np.zeros(0, bool)), Thumbnails)
