"""EASE: each item is regressed on all other items of the same history, in closed form.

G = Σ_u w_u x_u x_uᵀ with w_u ∝ n_u^-.3; λ and p/(1 - p) of itself are added to its diagonal (dropout p). With P = G^-1,
the weights are B = I - P diag(P)^-1, with a zero diagonal. Models with different decays share one B.

Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"; dropout: Steck 2020, "Autoencoders that don't overfit
towards the Identity".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model, decaying, event_contributions, once, positions_among, product
from chatrec.models.training_data import TrainingData

PENALTIES = (150.0, 500.0, 1500.0)
"""Values of λ that are compared on held-out events."""
DEFAULT_PENALTY = 500.0
COMPARED_OPERATIONS = 4e11
"""Number of operations of a fit above which DEFAULT_PENALTY is used without a comparison."""


@dataclass(frozen=True)
class Config:
    """Parameters of EASE."""

    l2: float = DEFAULT_PENALTY
    """Penalty λ."""
    dropout: float = 0.35
    """Dropout rate p."""
    user_power: float = -0.3
    """Power of the history length n_u in the weight w_u of a user."""
    max_items: int = 15_000
    """Number of items that are fitted. In a larger catalogue these are the items with most events; other models score
    the rest. Time grows with the cube of this number, memory with its square."""
    decay: float = 1.0
    """Factor on the weight of an event for each later event."""


DEFAULT = Config()


@dataclass(frozen=True)
class Ease(Model):
    """Item-to-item weights B, and the decay of events."""

    weights: Array
    """B, fitted items × fitted items, float32."""
    fitted_items: Array
    """Rows of the fitted items, int32, in ascending order."""
    decay: float = 1.0

    def score(self, batch: UserBatch) -> Array:
        """Returns x B; 0 for items that are not fitted."""
        histories = batch.distinct(decaying(self.decay))
        scores = np.zeros(histories.shape, np.float32)
        scores[:, self.fitted_items] = product(histories[:, self.fitted_items], self.weights)
        return scores

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns decay^age B[event, item]."""
        rows, columns = (positions_among(self.fitted_items, rows_of_items) for rows_of_items in (once(latest), items))
        return event_contributions(self.weights, decaying(self.decay)(ages), rows, columns)


def fit_all(data: TrainingData, configs: Mapping[str, Config]) -> dict[str, Ease]:
    """Fits B once, for configs that differ only in `decay`."""
    fitted = fit(data, next(iter(configs.values())))
    return {name: replace(fitted, decay=config.decay) for name, config in configs.items()}


def fit(data: TrainingData, config: Config = DEFAULT) -> Ease:
    """Fits the regression on the items with most events. Inverts a matrix of items, or of users if these are fewer."""
    histories, items = data.histories, data.items
    events = np.bincount(histories.items, minlength=items)
    fitted_items = np.sort(np.argsort(-events, kind="stable")[: config.max_items]).astype(np.int32)
    lengths = histories.lengths
    weights = np.power(np.maximum(lengths, 1.0), config.user_power)
    weights = weights / weights[lengths > 0].mean() if lengths.any() else weights
    users, rows = histories.distinct(items)
    scaled = csr_matrix((np.sqrt(weights[users]), (users, rows)), shape=(histories.users, items), dtype=np.float32)
    scaled = scaled[:, fitted_items]
    squares = np.asarray(scaled.multiply(scaled).sum(0), np.float32).ravel()
    added = config.l2 + config.dropout / (1 - config.dropout) * squares
    by_users = 0 < int((lengths > 0).sum()) < len(fitted_items)
    inverse = _inverse_by_users(scaled, added) if by_users else _inverse_by_items(scaled, added)
    inverse /= -inverse.diagonal()[None, :]
    inverse[np.diag_indices(len(fitted_items))] = 0
    return Ease(inverse, fitted_items, config.decay)


def compares_penalties(data: TrainingData) -> bool:
    """Returns whether a fit is fast enough to be repeated for each of PENALTIES."""
    users, items = int((data.histories.lengths > 0).sum()), min(data.items, DEFAULT.max_items)
    return min(users, items) * items**2 <= COMPARED_OPERATIONS


def _inverse_by_items(scaled: csr_matrix, added: Array) -> Array:
    """Returns (YᵀY + D)^-1, items × items.

    Args:
        scaled: Y, users × items.
        added: Diagonal of D.
    """
    gram = np.asarray((scaled.T @ scaled).todense())
    gram[np.diag_indices(len(added))] += added
    factor, _ = lapack.spotrf(gram.T, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    upper = np.ascontiguousarray(inverse.T)
    for row in range(len(added)):
        upper[row + 1 :, row] = upper[row, row + 1 :]
    return upper


def _inverse_by_users(scaled: csr_matrix, added: Array) -> Array:
    """Returns the same inverse by a matrix of users (Woodbury 1950): D^-1 - Zᵀ (I + Y Zᵀ)^-1 Z with Z = Y D^-1."""
    known = scaled[np.diff(scaled.indptr) > 0]
    z = csr_matrix(known.multiply(1 / added), dtype=np.float32)
    of_users = np.asarray((known @ z.T).todense())
    of_users[np.diag_indices(len(of_users))] += 1
    factor, _ = lapack.spotrf(of_users.T, lower=1, overwrite_a=1)
    dense = z.toarray()
    solved, _ = lapack.spotrs(factor, dense.copy(order="F"), lower=1, overwrite_b=1)
    inverse: Array = -(dense.T @ solved)
    inverse[np.diag_indices(len(added))] += 1 / added
    return np.ascontiguousarray(inverse)
