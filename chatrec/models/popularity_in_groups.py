"""Popularity within the groups of a user: P(i|u) = Σ_k a_k P(i|k), with a_k the share of group k in the user's history.

A tenth of the score is the popularity among all users, so that items of other groups follow.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model, event_contributions, uniform
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

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns P(i|u) and the tenth of P(i) by event: the former by its groups, the latter in equal parts."""
        is_event = latest >= 0
        within = np.zeros((*items.shape, latest.shape[1]))
        members = np.zeros(latest.shape)
        for slot in range(int(np.diff(self.members.indptr).max(initial=0))):
            groups, weights = self._group(np.where(is_event, latest, 0), slot)
            weights = np.where(is_event, weights, 0)
            within += event_contributions(self.shares, weights, groups, items)
            members += weights
        totals = np.maximum(members.sum(1), LEAST)[:, None, None]
        equal = is_event / np.maximum(is_event.sum(1, keepdims=True), 1)
        overall = np.where(items >= 0, self.overall[items], 0)
        added: Array = (1 - OVERALL) * within / totals + OVERALL * overall[:, :, None] * equal[:, None, :]
        return added

    def _group(self, items: Array, slot: int) -> tuple[Array, Array]:
        """Returns the group of each item in one of its slots, and the weight in it; -1 and 0 if it has fewer groups."""
        position = self.members.indptr[items] + slot
        exists = position < self.members.indptr[items + 1]
        position = np.where(exists, position, 0)
        groups, weights = self.members.indices, self.members.data
        return np.where(exists, groups[position], -1), np.where(exists, weights[position], 0)


def fit(data: TrainingData, config: Config = DEFAULT) -> PopularityInGroups:
    """Counts the users of each item within its groups."""
    groups = csr_matrix(data.features.kind("groups") != 0, dtype=np.float32)
    users = data.histories.users_per_item(data.items)
    counts = np.maximum(np.asarray(groups.sum(1)).ravel(), 1)
    members = csr_matrix(groups.multiply(1 / counts[:, None]), dtype=np.float32)
    shares = csr_matrix(shares_of_groups(csr_matrix(groups.T), users), dtype=np.float32)
    return PopularityInGroups(members, shares, (users / max(users.sum(), 1)).astype(np.float32))
