"""Transitions: what came soon after what, and where that was seldom seen, what came after its like.

C = Σ_{k≤10} N_k / k^.7. P(i|j) = C_ji / (C_j + α) + α / (C_j + α) · R(i|j): the less is known of item j, the more it
leans on its group (back-off, Katz 1987): R(i|j) is the same over groups of items, times the share that i has of the
events of its group; from finer groups to coarser ones, and from these to popularity. Groups are clusters of the factors
of who follows whom. P is damped by the item's own popularity^-.3. A history weighs its events by 1 / (age + 1).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import block_diag, csr_matrix, diags

from chatrec.data.arrays import Array, unit
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model, event_contributions, harmonic, product
from chatrec.models.cooccurrence import weighted_counts
from chatrec.models.ppmi_svd import clusters, ppmi_vectors
from chatrec.models.training_data import TrainingData


@dataclass(frozen=True)
class Config:
    """How transitions are counted, and when they lean on groups."""

    lags: int = 10
    lag_power: float = 0.7
    back_off: float = 200.0
    """α: after so many transitions an item counts as much as its group."""
    damping: float = 0.3
    """Power of an item's own popularity."""
    levels: tuple[int, ...] = (512, 64)
    """Groups, from fine to coarse."""
    min_members: int = 3
    """Items of a group on average: a level with fewer says nothing that its items do not."""
    width: int = 64
    """Of the factors that are clustered."""


DEFAULT = Config()


@dataclass(frozen=True)
class Transitions(Model):
    """P, kept in factors: what items say themselves, and the way over groups."""

    own: csr_matrix
    """items × items, sparse."""
    groups: Array
    """int32, levels × items: the group of each item, numbered through all levels; the last level is one group."""
    leans: Array
    """float32, levels × items: how much each item leans on its group."""
    shares: Array
    """float32, levels × items: the share that each item has of its group."""
    between: Array
    """float32, groups × groups: from group to group of one level."""

    def score(self, batch: UserBatch) -> Array:
        """Σ over the history of weight × P."""
        histories = batch.weighted(harmonic)
        by_groups = np.asarray((histories @ self._members(self.leans)).todense()) @ self.between
        scores: Array = product(histories, self.own) + by_groups @ self._members(self.shares).T
        return scores

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model."""
        weights = harmonic(np.arange(latest.shape[1]))
        added = event_contributions(self.own, weights, latest, items)
        events_weight = np.where((latest >= 0)[:, None, :] & (items >= 0)[:, :, None], weights, 0)
        for group_of, leans, shares in zip(self.groups, self.leans, self.shares, strict=True):
            between = self.between[group_of[latest][:, None, :], group_of[items][:, :, None]]
            added += events_weight * leans[latest][:, None, :] * between * shares[items][:, :, None]
        return added

    def _members(self, values: Array) -> csr_matrix:
        """items × groups, with the value of each item at its group of each level."""
        levels, items = values.shape
        rows = np.tile(np.arange(items), levels)
        return csr_matrix((values.ravel(), (rows, self.groups.ravel())), shape=(items, len(self.between)))


def fit(data: TrainingData, config: Config = DEFAULT) -> Transitions:
    """Counts the transitions of all histories, between items and between groups."""
    histories, items, trust = data.histories, data.items, config.back_off
    counts = weighted_counts(histories, items, lambda lag: lag**-config.lag_power, config.lags)
    popular = np.bincount(histories.items, minlength=items) + 0.5
    damping = popular**-config.damping
    known = np.asarray(counts.sum(1)).ravel()
    own = diags(1 / (known + trust)) @ counts @ diags(damping)
    left = trust / (known + trust)
    groups: list[Array] = []
    leans, shares, between = [], [], [np.zeros((0, 0))]
    for group_of in _levels(data, config):
        member = csr_matrix((np.ones(items), (np.arange(items), group_of)))
        of_groups = np.asarray((member.T @ counts @ member).todense())
        total = of_groups.sum(1)
        groups.append(group_of + sum(len(each) for each in between))
        leans.append(left * (total / (total + trust))[group_of])
        shares.append(damping * popular / (popular @ member)[group_of])
        between.append(of_groups / np.maximum(total, 1e-9)[:, None])
        left = left * (trust / (total + trust))[group_of]
    groups.append(np.full(items, sum(len(each) for each in between)))
    leans.append(left)
    shares.append(damping * popular / popular.sum())
    between.append(np.ones((1, 1)))
    return Transitions(
        own.tocsr().astype(np.float32),
        np.array(groups, np.int32),
        np.array(leans, np.float32),
        np.array(shares, np.float32),
        np.asarray(block_diag(between).todense(), np.float32),
    )


def _levels(data: TrainingData, config: Config) -> Iterator[Array]:
    """The group of each item, level by level."""
    wanted = [count for count in config.levels if count * config.min_members <= data.items]
    if wanted:
        vectors = unit(ppmi_vectors(data.histories, data.items, config.width, data.seed))
        yield from (clusters(vectors, count, data.seed)[0] for count in wanted)
