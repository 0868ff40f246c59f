"""EASE of a private release: public texts say where signal can be, and random matrices how large noise is.

G is the release's pairs, s√n its noise's half width. A = √popularity · [text, 1], text the first directions of the
features of the *public* catalogue: in the space of A the noise is small, so G is taken as it is there. Of what is left
the eigenvectors above 2s√n stay, which is as large as noise alone gets around the mean of the diagonal (Füredi and
Komlós 1981). Of both together, V diag(w) Vᵀ with w > 0, EASE (Steck 2019) has a closed form without any inverse:

    P = (V diag(w) Vᵀ + λI)⁻¹ = (I - V D Vᵀ) / λ, D = w / (w + λ); B_ij = (V D Vᵀ)_ij / (1 - (V D Vᵀ)_jj), i ≠ j.

All of it is computed from the release and from public texts, so it costs no privacy.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse.linalg import eigsh
from sklearn.utils.extmath import randomized_svd

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.features.catalogue import Features
from chatrec.models.base import VectorModel, uniform
from chatrec.privacy.statistics import Release

FIRST_LOOK = 32
"""Eigenvectors that are looked for at first."""
TURNS = 10
"""Of the power iteration that finds the directions (Halko, Martinsson and Tropp 2011)."""
NOTHING = 1e-6
"""A direction of texts with so small a share of the first one's value is none."""
SEED = 0
"""Of the vectors that iterations begin with, which do not change what they come to."""


@dataclass(frozen=True)
class Config:
    """How the release is fitted."""

    directions: int = 48
    """Of texts, at most."""
    l2: float = 0.001
    """λ, as a share of the trace of G, which is about the number of users."""
    max_diagonal: float = 0.95
    """An item is never told by itself alone: the diagonal of V D Vᵀ is taken to be this at most."""


DEFAULT = Config()


@dataclass(frozen=True)
class Spectral(VectorModel):
    """V, and V D / (1 - diag). The score is x B, but for the diagonal of B."""

    taken: Array
    """V: items × width, what an event adds to a history."""
    items: Array
    """What a history is held against: items × width."""

    @property
    def keys(self) -> Array:
        """See VectorModel."""
        return self.items

    def queries(self, batch: UserBatch) -> Array:
        """See VectorModel."""
        return np.asarray(batch.weighted(uniform) @ self.taken)

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model."""
        products = np.einsum("upd,ued->upe", self.items[items], self.taken[latest])
        return np.where(latest[:, None, :] >= 0, products, 0)


@dataclass(frozen=True)
class Directions:
    """What the texts of a catalogue differ in most."""

    vectors: Array
    """items × at most `Config.directions`, orthonormal columns, the first says most."""
    values: Array
    """How much each says."""

    @classmethod
    def of(cls, features: Features, items: int, config: Config = DEFAULT) -> Self:
        """The first left singular vectors of the features."""
        count = min(config.directions, items - 2, features.joined.shape[1] - 1) if features.kinds else 0
        if count < 1:
            return cls(np.zeros((items, 0)), np.zeros(0))
        left, values, _ = randomized_svd(features.joined.astype(np.float64), count, n_iter=TURNS, random_state=SEED)
        kept = values > NOTHING * values.max(initial=0)
        return cls(np.asarray(left)[:, kept], np.asarray(values)[kept])


def fit(release: Release, texts: Directions, config: Config = DEFAULT) -> Spectral:
    """Of the items of the release, and of those that their texts tell of.

    Args:
        release: onto the run's catalogue.
        texts: of that catalogue.
        config: of the fit.
    """
    paired, noise = release.paired, release.of_pairs * np.sqrt(max(len(release.paired), 1))
    scale = np.sqrt(np.maximum(release.popular, release.of_popular))
    space = np.hstack([texts.vectors, np.ones((len(scale), 1))]) * scale[:, None]
    into = np.linalg.pinv(space[paired])
    inner = into @ release.pairs @ into.T
    rest = release.pairs - space[paired] @ inner @ space[paired].T
    vectors, values = _above(rest, 2 * noise + float(rest.diagonal().mean()) if len(rest) else 0.0)
    left = np.zeros((len(scale), len(values)))
    left[paired] = vectors
    base, corner = np.linalg.qr(np.hstack([space, left]))
    middle = np.zeros((corner.shape[1],) * 2)
    middle[: len(inner), : len(inner)] = inner
    middle[np.arange(len(inner), len(middle)), np.arange(len(inner), len(middle))] = values
    values, turned = np.linalg.eigh(corner @ ((middle + middle.T) / 2) @ corner.T)
    kept = values > 0
    penalty = config.l2 * max(float(np.trace(release.pairs)), noise)
    taken, shrunk = base @ turned[:, kept], values[kept] / (values[kept] + penalty)
    own = np.minimum(np.square(taken) @ shrunk, config.max_diagonal)
    return Spectral(taken.astype(np.float32), (taken * shrunk / (1 - own)[:, None]).astype(np.float32))


def _above(matrix: Array, edge: float) -> tuple[Array, Array]:
    """The eigenvectors of a symmetric matrix with values above the edge, and these, the largest first."""
    size, count = len(matrix), FIRST_LOOK
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
