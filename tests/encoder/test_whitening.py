"""Whitening: parallel vectors are told apart."""

import numpy as np
import pytest

from chatrec.encoder.whitening import Whitening


def cosine(vectors: np.ndarray) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    return float(similarity[~np.eye(len(unit), dtype=bool)].mean())


def test_nearly_parallel_vectors_become_different() -> None:
    random = np.random.default_rng(0)
    raw = random.normal(size=(500, 32)) * np.linspace(3, 0.1, 32) + 20
    assert cosine(raw) > 0.9
    whitened = Whitening.fit(raw, 16)(raw)
    assert abs(cosine(whitened)) < 0.05
    assert whitened.shape == (500, 16)
    assert np.linalg.norm(whitened, axis=1) == pytest.approx(np.ones(500), abs=1e-5)


def test_a_vector_maps_alike_alone_and_among_others() -> None:
    raw = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    whiten = Whitening.fit(raw, 4)
    assert np.allclose(whiten(raw[:1]), whiten(raw)[:1], atol=1e-6)


@pytest.mark.parametrize("raw", [np.empty((0, 8)), np.ones((1, 8)), np.ones((5, 8))])
def test_vectors_without_differences_are_no_error(raw: np.ndarray) -> None:
    mapped = Whitening.fit(raw, 16)(raw)
    assert mapped.shape == (len(raw), 8)
    assert np.isfinite(mapped).all()
