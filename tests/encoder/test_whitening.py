"""Whitening: parallel vectors are told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.encoder.whitening import Whitening


def fit(raw: np.ndarray, dimensions: int, shrinkage: float = 0.1) -> Whitening:
    return Whitening.fit([raw], raw.shape[1], dimensions, shrinkage)


def cosine(vectors: np.ndarray) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    return float(similarity[~np.eye(len(unit), dtype=bool)].mean())


def test_nearly_parallel_vectors_become_different() -> None:
    random = np.random.default_rng(0)
    raw = random.normal(size=(500, 32)) * np.linspace(3, 0.1, 32) + 20
    assert cosine(raw) > 0.9
    whitened = fit(raw, 16)(raw)
    assert abs(cosine(whitened)) < 0.05
    assert whitened.shape == (500, 16)
    assert np.linalg.norm(whitened, axis=1) == pytest.approx(np.ones(500), abs=1e-5)


def test_a_vector_maps_alike_alone_and_among_others() -> None:
    raw = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    whiten = fit(raw, 4)
    assert np.allclose(whiten(raw[:1]), whiten(raw)[:1], atol=1e-6)


@pytest.mark.parametrize("raw", [np.empty((0, 8)), np.ones((1, 8)), np.ones((5, 8))])
def test_vectors_without_differences_are_no_error(raw: np.ndarray) -> None:
    mapped = fit(raw, 16)(raw)
    assert mapped.shape == (len(raw), 8)
    assert np.isfinite(mapped).all()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.floats(0, 1e4))
def test_blocks_come_to_the_same_as_all_at_once(sizes: list[int], mean: float) -> None:
    """Covariance and map, also where the mean is large against the deviation."""
    raw = np.random.default_rng(sum(sizes)).normal(size=(sum(sizes), 3)) + mean
    blocks = np.split(raw, np.cumsum(sizes)[:-1])
    together = Whitening.fit(blocks, 3, 3, 0.1)
    if len(raw) > 1:
        assert np.allclose(together.mean, raw.mean(0))
        assert np.allclose(together.deviation, raw.std(0), atol=1e-6)
    assert np.allclose(np.abs(together(raw)), np.abs(fit(raw, 3)(raw)), atol=1e-4)


def test_without_shrinkage_the_directions_have_equal_variance() -> None:
    raw = np.random.default_rng(0).normal(size=(500, 8)) @ np.random.default_rng(1).normal(size=(8, 8))
    for shrinkage, even in ((0.0, True), (3.0, False)):
        whiten = fit(raw, 8, shrinkage)
        spread = ((raw - whiten.mean) / whiten.deviation @ whiten.projection).std(0)
        assert (spread.max() / spread.min() < 1.001) == even
