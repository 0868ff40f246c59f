"""EASE (Steck 2019): every item regressed on all others of the same history, in closed form.

G = Σ_u w_u x_u x_uᵀ with w_u ∝ n_u^-.3, on its diagonal λ and p/(1 - p) of itself (dropout p, Steck 2020);
B = I - P diag(P)^-1 with P = G^-1, its diagonal 0. Several ways to read a history share one B.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model, decaying, event_contributions, positions_among, product
from chatrec.models.training_data import TrainingData

PENALTIES = (150.0, 500.0)
"""λ: the values that are tried on held-out events."""
ONE_PENALTY_FROM = 5_000
"""Items: above, the larger penalty is taken without a trial."""


@dataclass(frozen=True)
class Config:
    """How EASE is fitted, and how it reads a history."""

    l2: float = PENALTIES[-1]
    """λ."""
    dropout: float = 0.35
    """p."""
    user_power: float = -0.3
    """Of n_u in w_u."""
    max_items: int = 15_000
    """Of a larger catalogue the items taken most are fitted, and other models serve the rest. Time goes with their
    number³, memory with its square."""
    decay: float = 1.0
    """Weight of an event for each that came after it."""


DEFAULT = Config()


@dataclass(frozen=True)
class Ease(Model):
    """One reading of a history, with the matrix that all readings share."""

    weights: Array
    """B: known × known, float32."""
    known: Array
    """int32, ordered: the items that it is fitted on."""
    decay: float = 1.0

    def score(self, batch: UserBatch) -> Array:
        """x B."""
        histories = batch.weighted(decaying(self.decay))
        scores = np.zeros(histories.shape, np.float32)
        scores[:, self.known] = product(histories[:, self.known], self.weights)
        return scores

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model."""
        weights = decaying(self.decay)(np.arange(latest.shape[1]))
        rows, columns = (positions_among(self.known, rows_of_items) for rows_of_items in (latest, items))
        return event_contributions(self.weights, weights, rows, columns)


def fit_all(data: TrainingData, configs: Mapping[str, Config]) -> dict[str, Ease]:
    """Fits B once, for configs that differ in `decay` alone."""
    fitted = fit(data, next(iter(configs.values())))
    return {name: replace(fitted, decay=config.decay) for name, config in configs.items()}


def fit(data: TrainingData, config: Config = DEFAULT) -> Ease:
    """Solves the regression for the items that were taken most."""
    histories, items = data.histories, data.items
    taken = np.bincount(histories.items, minlength=items)
    known = np.sort(np.argsort(-taken, kind="stable")[: config.max_items]).astype(np.int32)
    lengths = histories.lengths
    weights = np.power(np.maximum(lengths, 1.0), config.user_power)
    weights = weights / weights[lengths > 0].mean() if lengths.any() else weights
    users, rows = histories.distinct(items)
    scaled = csr_matrix((np.sqrt(weights[users]), (users, rows)), shape=(histories.users, items), dtype=np.float32)
    scaled = scaled[:, known]
    gram = np.asarray((scaled.T @ scaled).todense())
    gram[np.diag_indices(len(known))] += config.l2 + config.dropout / (1 - config.dropout) * gram.diagonal()
    factor, _ = lapack.spotrf(gram.T, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    upper = np.ascontiguousarray(inverse.T)
    for row in range(len(known)):
        upper[row + 1 :, row] = upper[row, row + 1 :]
    upper /= -upper.diagonal()[None, :]
    upper[np.diag_indices(len(known))] = 0
    return Ease(upper, known, config.decay)
