"""iALS: vectors of users and items whose inner products tell what was taken from what was not.

min Σ_{taken} (1 - uᵀv)² + α Σ_{all} (uᵀv)² + λ Σ_u (n_u + 6 n̄) |u|² + λ Σ_i (n_i + 6 n̄) |v|², by turns in closed form
(Hu, Koren and Volinsky 2008), with a penalty that grows with the events n of a row (Rendle, Krichene, Zhang and Koren
2021), here beside the mean n̄ of all rows. Time and memory go with the events and the items, never with items².
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import VectorModel, uniform
from chatrec.models.training_data import TrainingData

EVENTS_AT_ONCE = 200_000


@dataclass(frozen=True)
class Config:
    """How iALS is fitted."""

    width: int = 64
    """Of the vectors."""
    unobserved: float = 0.3
    """α."""
    l2: float = 0.01
    """λ."""
    mean_events: float = 6
    """What the mean n̄ counts beside the events of a row."""
    iterations: int = 10


DEFAULT = Config()


@dataclass(frozen=True)
class Ials(VectorModel):
    """The vectors of the items; those of users are solved for as they come. The score is uᵀv."""

    items: Array
    """v: items × width, float32."""
    mean: float
    """n̄ of the users."""
    unobserved: float = DEFAULT.unobserved
    l2: float = DEFAULT.l2
    mean_events: float = DEFAULT.mean_events
    """As in `Config`."""

    @property
    def keys(self) -> Array:
        """See VectorModel."""
        return self.items

    def queries(self, batch: UserBatch) -> Array:
        """u: the best for the history."""
        taken = (batch.weighted(uniform) > 0).astype(np.float32).tocsr()
        return _solve(taken, self.items, self.mean, self)


def fit(data: TrainingData, config: Config = DEFAULT) -> Ials:
    """Alternates between users and items."""
    taken = data.matrix
    takers = taken.T.tocsr()
    random, shape = np.random.default_rng(data.seed), (data.items, config.width)
    vectors = random.normal(0, config.width**-0.5 / 10, shape).astype(np.float32)
    mean, mean_of_items = (float(np.diff(each.indptr).mean()) if each.nnz else 0.0 for each in (taken, takers))
    for _ in range(config.iterations):
        vectors = _solve(takers, _solve(taken, vectors, mean, config), mean_of_items, config)
    return Ials(vectors, mean, config.unobserved, config.l2, config.mean_events)


def _solve(taken: csr_matrix, vectors: Array, mean: float, weights: Config | Ials) -> Array:
    """The best vector of each row: (α VᵀV + Σ_{taken} v vᵀ + λ (n + 6 n̄) I)⁻¹ Σ_{taken} v; 0 for an empty one."""
    others = torch.tensor(vectors)
    shared = weights.unobserved * others.T @ others
    solved = np.zeros((taken.shape[0], vectors.shape[1]), np.float32)
    counts = np.diff(taken.indptr)
    for rows in _alike(counts):
        place = np.arange(counts[rows].max())
        present = place < counts[rows][:, None]
        columns = taken.indices[np.where(present, taken.indptr[rows][:, None] + place, 0)]
        own = others[torch.from_numpy(columns.astype(np.int64))] * torch.from_numpy(present)[..., None]
        left = shared + own.transpose(1, 2) @ own
        penalty = weights.l2 * (counts[rows] + weights.mean_events * mean)
        left += torch.from_numpy(penalty.astype(np.float32))[:, None, None] * torch.eye(vectors.shape[1])
        solved[rows] = torch.cholesky_solve(own.sum(1)[..., None], torch.linalg.cholesky(left))[..., 0].numpy()
    return solved


def _alike(counts: Array) -> Iterator[Array]:
    """Rows with something, those of like length together, so many at a time that memory is bounded."""
    exponents = np.frexp(counts)[1]
    for exponent in np.unique(exponents[counts > 0]):
        rows = np.flatnonzero(exponents == exponent)
        size = max(1, EVENTS_AT_ONCE >> int(exponent))
        yield from (rows[start : start + size] for start in range(0, len(rows), size))
