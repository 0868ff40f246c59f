"""iALS: matrix factorisation of implicit feedback by alternating least squares.

min Σ_{observed} (1 - uᵀv)² + α Σ_{all} (uᵀv)² + λ Σ_u (n_u + 6 n̄) |u|² + λ Σ_i (n_i + 6 n̄) |v|². User and item vectors
are solved alternately in closed form (Hu, Koren and Volinsky 2008, "Collaborative Filtering for Implicit Feedback
Datasets"). The penalty grows with the number of events n of a row (Rendle, Krichene, Zhang and Koren 2021, "Revisiting
the Performance of iALS on Item Recommendation Benchmarks"), plus a multiple of the mean n̄ of all rows. Time and memory
grow with the events and the items, not with items².
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
    """Parameters of iALS."""

    width: int = 64
    """Dimensions of the vectors."""
    unobserved: float = 0.3
    """Weight α of unobserved pairs."""
    l2: float = 0.01
    """Penalty λ."""
    mean_events: float = 6
    """Factor of n̄ in the penalty."""
    iterations: int = 10


DEFAULT = Config()


@dataclass(frozen=True)
class Ials(VectorModel):
    """Item vectors. User vectors are solved when users are scored. The score is uᵀv."""

    items: Array
    """v, items × width, float32."""
    mean: float
    """Mean number of items per user, n̄."""
    unobserved: float = DEFAULT.unobserved
    l2: float = DEFAULT.l2
    mean_events: float = DEFAULT.mean_events
    """`unobserved`, `l2` and `mean_events` are those of `Config`."""

    @property
    def keys(self) -> Array:
        """Item vectors v."""
        return self.items

    def queries(self, batch: UserBatch) -> Array:
        """Returns the least-squares user vectors u of the histories."""
        observed = batch.distinct(uniform)
        return _solve(observed, self.items, self.mean, self)


def fit(data: TrainingData, config: Config = DEFAULT) -> Ials:
    """Fits item vectors by alternating least squares."""
    by_user = data.matrix
    by_item = by_user.T.tocsr()
    random, shape = np.random.default_rng(data.seed), (data.items, config.width)
    vectors = random.normal(0, config.width**-0.5 / 10, shape).astype(np.float32)
    mean, mean_of_items = (float(np.diff(side.indptr).mean()) if side.nnz else 0.0 for side in (by_user, by_item))
    for _ in range(config.iterations):
        vectors = _solve(by_item, _solve(by_user, vectors, mean, config), mean_of_items, config)
    return Ials(vectors, mean, config.unobserved, config.l2, config.mean_events)


def _solve(observed: csr_matrix, vectors: Array, mean: float, weights: Config | Ials) -> Array:
    """Returns (α VᵀV + Σ_{observed} v vᵀ + λ (n + 6 n̄) I)⁻¹ Σ_{observed} v for each row; 0 for an empty row."""
    others = torch.tensor(vectors)
    shared = weights.unobserved * others.T @ others
    solved = np.zeros((observed.shape[0], vectors.shape[1]), np.float32)
    counts = np.diff(observed.indptr)
    for rows in _batches(counts):
        offsets = np.arange(counts[rows].max())
        present = offsets < counts[rows][:, None]
        columns = observed.indices[np.where(present, observed.indptr[rows][:, None] + offsets, 0)]
        own = others[torch.from_numpy(columns.astype(np.int64))] * torch.from_numpy(present)[..., None]
        left = shared + own.transpose(1, 2) @ own
        penalty = weights.l2 * (counts[rows] + weights.mean_events * mean)
        left += torch.from_numpy(penalty.astype(np.float32))[:, None, None] * torch.eye(vectors.shape[1])
        solved[rows] = torch.cholesky_solve(own.sum(1)[..., None], torch.linalg.cholesky(left))[..., 0].numpy()
    return solved


def _batches(counts: Array) -> Iterator[Array]:
    """Yields batches of non-empty rows of similar length, of bounded size."""
    exponents = np.frexp(counts)[1]
    for exponent in np.unique(exponents[counts > 0]):
        rows = np.flatnonzero(exponents == exponent)
        size = max(1, EVENTS_AT_ONCE >> int(exponent))
        yield from (rows[start : start + size] for start in range(0, len(rows), size))
