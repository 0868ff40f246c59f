"""EASE (Steck 2019): every item regressed on all others of the same history, in closed form.

G = Σ_u w_u x_u x_uᵀ with w_u ∝ n_u^-.3, on its diagonal λ and p/(1 - p) of itself (dropout p, Steck 2020);
B = I - P diag(P)^-1 with P = G^-1, its diagonal 0. Several ways to read a history share one B.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from chatrec.block import Block
from chatrec.channels.base import added_by_events, fading, product, uniform
from chatrec.source.snapshot import Array, Histories

USER_POWER = -0.3
DROPOUT = 0.35
PENALTIES = (150.0, 500.0)
ONE_PENALTY_FROM = 5_000
"""Items: above, the larger penalty is taken without a trial."""


@dataclass(frozen=True)
class Ease:
    """One reading of a history, with the matrix that all readings share."""

    weights: Array
    """B: items × items, float32."""
    fade: float

    logits = False

    def scores(self, block: Block) -> Array:
        """x B."""
        return product(block.weighted(self._weigh), self.weights)

    def added(self, latest: Array, items: Array) -> Array:
        """See Channel."""
        return added_by_events(self.weights, self._weigh(np.arange(latest.shape[1])), latest, items)

    def _weigh(self, ages: Array) -> Array:
        return uniform(ages) if self.fade == 1 else fading(self.fade)(ages)


def fit(histories: Histories, items: int, penalty: float) -> Array:
    """B; time goes with items³, memory with its square."""
    lengths = histories.lengths
    weights = np.power(np.maximum(lengths, 1.0), USER_POWER)
    weights = weights / weights[lengths > 0].mean() if lengths.any() else weights
    pairs = np.unique(histories.event_users * np.int64(items) + histories.items)
    users, rows = np.divmod(pairs, items)
    scaled = csr_matrix((np.sqrt(weights[users]), (users, rows)), shape=(histories.users, items), dtype=np.float32)
    gram = np.asarray((scaled.T @ scaled).todense())
    gram[np.diag_indices(items)] += penalty + DROPOUT / (1 - DROPOUT) * gram.diagonal()
    factor, _ = lapack.spotrf(gram.T, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    result: Array = np.ascontiguousarray(-inverse / inverse.diagonal()[None, :])
    result[np.diag_indices(items)] = 0
    return result
