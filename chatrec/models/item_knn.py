"""Item k-NN: items that the same users took. The score is Σ over the history of the cosine of two items.

cos(i, j) = n_ij / √(n_i n_j), with n_ij the number of users who took both items and n_i those who took item i.

Sarwar, Karypis, Konstan and Riedl 2001, "Item-Based Collaborative Filtering Recommendation Algorithms".
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model, event_contributions, product, uniform
from chatrec.models.training_data import TrainingData


@dataclass(frozen=True)
class Config:
    """Parameters of item k-NN."""

    max_pairs: int = 100_000_000
    """Largest number of pairs of items in the histories that is counted: Σ n_u² over the users."""


DEFAULT = Config()


@dataclass(frozen=True)
class ItemKnn(Model):
    """Cosines of all pairs of items that a user took together."""

    weights: csr_matrix
    """Cosines, items × items, float32, with an empty diagonal."""

    def score(self, batch: UserBatch) -> Array:
        """Returns x W."""
        return product(batch.weighted(uniform), self.weights)

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns W[event, item]."""
        return event_contributions(self.weights, uniform(ages), latest, items)


def fit(data: TrainingData, config: Config = DEFAULT) -> ItemKnn:
    """Counts the pairs. Time and memory grow with their number."""
    matrix = data.matrix
    users = np.asarray(matrix.sum(0)).ravel()
    scaled = matrix @ diags(1 / np.sqrt(np.maximum(users, 1)))
    weights = csr_matrix(scaled.T @ scaled, dtype=np.float32)
    weights.setdiag(0)
    weights.eliminate_zeros()
    return ItemKnn(weights)


def pairs(data: TrainingData) -> int:
    """Returns the number of pairs of items in the histories."""
    return int((data.histories.lengths.astype(np.int64) ** 2).sum())
