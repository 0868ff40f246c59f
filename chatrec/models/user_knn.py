"""User-kNN: what the most alike users took.

Likeness is the squared cosine of histories weighted by log(users / users of the item); the K most alike count.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags

from chatrec.data.arrays import Array, top_k
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model, uniform
from chatrec.models.training_data import TrainingData


@dataclass(frozen=True)
class Config:
    """How many users count."""

    neighbours: int = 300
    """K."""
    max_users: int = 50_000
    """More are not fitted: all users are compared with all."""


DEFAULT = Config()


@dataclass(frozen=True)
class Neighbours(Model):
    """Everybody's history."""

    histories: csr_matrix
    """users × items, 1 where the user took the item."""
    rarity: Array
    """The weight of each item, float32."""
    neighbours: int = DEFAULT.neighbours

    def score(self, batch: UserBatch) -> Array:
        """Σ over the most alike users of likeness, for what they took."""
        likeness = np.asarray((self._unit(batch.weighted(uniform)) @ self._unit(self.histories).T).todense()) ** 2
        likeness[likeness > 1 - 1e-6] = 0  # the user, or somebody who took exactly the same
        nearest = top_k(likeness, self.neighbours)
        values = np.take_along_axis(likeness, nearest, 1)
        starts = np.arange(0, nearest.size + 1, nearest.shape[1])
        weights = csr_matrix((values.ravel(), nearest.ravel(), starts), shape=likeness.shape)
        return np.asarray((weights @ self.histories).todense(), np.float32)

    def _unit(self, histories: csr_matrix) -> csr_matrix:
        weighted = (histories > 0).astype(np.float32).multiply(self.rarity).tocsr()
        norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
        return diags(1 / np.maximum(norms, 1e-9)).astype(np.float32) @ weighted


def fit(data: TrainingData, config: Config = DEFAULT) -> Neighbours:
    """Remembers the histories."""
    matrix = data.matrix
    takers = np.asarray(matrix.sum(0)).ravel()
    rarity = np.log(max(data.histories.users, 1) / np.maximum(takers, 1)) + 1e-3
    return Neighbours(matrix, rarity.astype(np.float32), config.neighbours)
