"""EASE of a private release, denoised with public texts and random matrix theory.

G holds the noisy co-occurrence counts of the release, with noise of standard deviation s on n items. A = √popularity ·
[text, 1], where text holds the first singular vectors of the features of the *public* catalogue. Noise within the
column space of A is small, so G is kept as it is there. Of the rest, only eigenvectors with values above 2s√n are kept,
the spectral edge of the noise around the mean of the diagonal (Füredi and Komlós 1981, "The Eigenvalues of Random
Symmetric Matrices"). For their sum V diag(w) Vᵀ with w > 0, EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for
Sparse Data") has a closed form without an inverse:

    P = (V diag(w) Vᵀ + λI)⁻¹ = (I - V D Vᵀ) / λ, D = w / (w + λ); B_ij = (V D Vᵀ)_ij / (1 - (V D Vᵀ)_jj), i ≠ j.

The fit uses only the release and public texts, so it adds no privacy loss.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse.linalg import eigsh
from sklearn.utils.extmath import randomized_svd

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.features.catalogue import Features
from chatrec.models.base import VectorModel, once, uniform
from chatrec.privacy.statistics import Release

FIRST_EIGENVECTORS = 32
"""Number of eigenvectors that are computed first; doubled until the smallest value is below the edge."""
ITERATIONS = 10
"""Power iterations of the randomised SVD (Halko, Martinsson and Tropp 2011)."""
NEGLIGIBLE = 1e-6
"""Singular values below this share of the largest are dropped."""
SEED = 0
"""Seed of the vectors from which iterations start; the results do not depend on it."""


@dataclass(frozen=True)
class Config:
    """Parameters of the fit to a release."""

    directions: int = 48
    """Largest number of text directions."""
    l2: float = 0.001
    """Penalty λ, as a share of the trace of G, which is about the number of users."""
    max_diagonal: float = 0.95
    """Upper bound of the diagonal of V D Vᵀ, so that no item is predicted by itself alone."""


DEFAULT = Config()


@dataclass(frozen=True)
class PrivateEase(VectorModel):
    """V, and V D / (1 - diag). The score is x B with the diagonal of B included."""

    event_vectors: Array
    """V, items × width: contribution of an event to the user vector."""
    items: Array
    """V D / (1 - diag), items × width."""

    @property
    def keys(self) -> Array:
        """Item vectors V D / (1 - diag)."""
        return self.items

    def queries(self, batch: UserBatch) -> Array:
        """Returns the sums of V over the items of histories."""
        return np.asarray(batch.distinct(uniform) @ self.event_vectors)

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns the inner product of event vector and item vector."""
        latest = once(latest)
        products = np.einsum("upd,ued->upe", self.items[items], self.event_vectors[latest])
        return np.where(latest[:, None, :] >= 0, products, 0)


@dataclass(frozen=True)
class Directions:
    """Principal directions of the texts of a catalogue."""

    vectors: Array
    """Left singular vectors, items × at most `Config.directions`, largest value first."""
    values: Array
    """Singular values."""

    @classmethod
    def of(cls, features: Features, items: int, config: Config = DEFAULT) -> Self:
        """Returns the left singular vectors of the features with the largest values."""
        count = min(config.directions, items - 2, features.joined.shape[1] - 1) if features.kinds else 0
        if count < 1:
            return cls(np.zeros((items, 0)), np.zeros(0))
        left, values, _ = randomized_svd(
            features.joined.astype(np.float64), count, n_iter=ITERATIONS, random_state=SEED
        )
        kept = values > NEGLIGIBLE * values.max(initial=0)
        return cls(np.asarray(left)[:, kept], np.asarray(values)[kept])


def fit(release: Release, texts: Directions, config: Config = DEFAULT) -> PrivateEase:
    """Fits EASE to a release. Items that are not in it are scored by their texts.

    Args:
        release: Release, mapped onto the catalogue of the run.
        texts: Text directions of that catalogue.
        config: Parameters of the fit.
    """
    paired, noise = release.paired, release.pairs_deviation * np.sqrt(max(len(release.paired), 1))
    scale = np.sqrt(np.maximum(release.popular, release.popularity_deviation))
    space = np.hstack([texts.vectors, np.ones((len(scale), 1))]) * scale[:, None]
    into = np.linalg.pinv(space[paired])
    inner = into @ release.pairs @ into.T
    rest = release.pairs - space[paired] @ inner @ space[paired].T
    vectors, values = _eigenvectors_above(rest, 2 * noise + float(rest.diagonal().mean()) if len(rest) else 0.0)
    left = np.zeros((len(scale), len(values)))
    left[paired] = vectors
    base, corner = np.linalg.qr(np.hstack([space, left]))
    middle = np.zeros((corner.shape[1],) * 2)
    middle[: len(inner), : len(inner)] = inner
    middle[np.arange(len(inner), len(middle)), np.arange(len(inner), len(middle))] = values
    values, turned = np.linalg.eigh(corner @ ((middle + middle.T) / 2) @ corner.T)
    kept = values > 0
    penalty = config.l2 * max(float(np.trace(release.pairs)), noise)
    event_vectors, shrunk = base @ turned[:, kept], values[kept] / (values[kept] + penalty)
    own = np.minimum(np.square(event_vectors) @ shrunk, config.max_diagonal)
    items = event_vectors * shrunk / (1 - own)[:, None]
    return PrivateEase(event_vectors.astype(np.float32), items.astype(np.float32))


def _eigenvectors_above(matrix: Array, edge: float) -> tuple[Array, Array]:
    """Returns eigenvectors and eigenvalues of a symmetric matrix above the edge, largest first."""
    size, count = len(matrix), FIRST_EIGENVECTORS
    start = np.random.default_rng(SEED).normal(size=size)
    while count < size // 2:
        values, vectors = eigsh(matrix, count, which="LA", v0=start, tol=1e-4, rng=SEED)
        if values[0] <= edge:
            break
        count *= 2
    else:
        values, vectors = np.linalg.eigh(matrix)
    above = np.flatnonzero(values > edge)[::-1]
    return vectors[:, above], values[above]
