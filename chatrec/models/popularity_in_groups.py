"""Popularity within the groups of a user: P(i|u) = Σ_k a_k P(i|k), with a_k the share of group k in the user's history.

A tenth of the score is the popularity among all users, so that items of other groups follow.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model, uniform
from chatrec.models.popularity import shares_of_groups
from chatrec.models.training_data import TrainingData

OVERALL = 0.1
"""Share of the popularity among all users."""
LEAST = 1e-9


@dataclass(frozen=True)
class Config:
    """Popularity in groups has no parameters."""


DEFAULT = Config()


@dataclass(frozen=True)
class PopularityInGroups(Model):
    """Membership of the items, and the popularity within each group."""

    members: csr_matrix
    """Membership, items × groups, float32; the rows of items with groups sum to 1."""
    shares: csr_matrix
    """P(i|k), groups × items, float32."""
    overall: Array
    """Share of each item in all pairs of a user and an item, float32."""

    def score(self, batch: UserBatch) -> Array:
        """Returns P(i|u), and a tenth of P(i)."""
        attention = csr_matrix(batch.weighted(uniform) @ self.members)
        totals = np.maximum(np.asarray(attention.sum(1)).ravel(), LEAST)
        scores: Array = np.asarray((attention @ self.shares).todense()) / totals[:, None].astype(np.float32)
        return (1 - OVERALL) * scores + OVERALL * self.overall


def fit(data: TrainingData, config: Config = DEFAULT) -> PopularityInGroups:
    """Counts the users of each item within its groups."""
    groups = csr_matrix(data.features.kind("groups") != 0, dtype=np.float32)
    users = data.histories.users_per_item(data.items)
    counts = np.maximum(np.asarray(groups.sum(1)).ravel(), 1)
    members = csr_matrix(groups.multiply(1 / counts[:, None]), dtype=np.float32)
    shares = csr_matrix(shares_of_groups(csr_matrix(groups.T), users), dtype=np.float32)
    return PopularityInGroups(members, shares, (users / max(users.sum(), 1)).astype(np.float32))
