"""User k-NN: items of the most similar users.

The similarity is the squared cosine of histories weighted by idf, log(users / users of the item). The score of an
item is the sum of the similarities of those of the K nearest users who have it.

Herlocker, Konstan, Borchers and Riedl 1999, "An Algorithmic Framework for Performing Collaborative Filtering".
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
    """Parameters of user k-NN."""

    neighbours: int = 300
    """Number of nearest users, K."""
    max_users: int = 50_000
    """Largest number of users that is fitted; all pairs of users are compared."""


DEFAULT = Config()


@dataclass(frozen=True)
class UserKnn(Model):
    """Histories of all users."""

    histories: csr_matrix
    """Interaction matrix, users × items, 1 if the user interacted with the item."""
    idf: Array
    """Weight of each item, float32."""
    neighbours: int = DEFAULT.neighbours

    def score(self, batch: UserBatch) -> Array:
        """Returns Σ over the nearest users of their similarity, for the items in their histories."""
        similarity = np.asarray((self._unit(batch.distinct(uniform)) @ self._unit(self.histories).T).todense()) ** 2
        similarity[similarity > 1 - 1e-6] = 0  # the user, or one with the same items
        nearest = top_k(similarity, self.neighbours)
        values = np.take_along_axis(similarity, nearest, 1)
        starts = np.arange(0, nearest.size + 1, nearest.shape[1])
        weights = csr_matrix((values.ravel(), nearest.ravel(), starts), shape=similarity.shape)
        return np.asarray((weights @ self.histories).todense(), np.float32)

    def _unit(self, histories: csr_matrix) -> csr_matrix:
        weighted = histories.multiply(self.idf).tocsr()
        norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
        return diags(1 / np.maximum(norms, 1e-9)).astype(np.float32) @ weighted


def fit(data: TrainingData, config: Config = DEFAULT) -> UserKnn:
    """Stores the histories and the weights of items."""
    matrix = data.matrix
    users = np.asarray(matrix.sum(0)).ravel()
    idf = np.log(max(data.histories.users, 1) / np.maximum(users, 1)) + 1e-3
    return UserKnn(matrix, idf.astype(np.float32), config.neighbours)
