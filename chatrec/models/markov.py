"""Markov transitions with back-off to item clusters for rare items.

C = Σ_{k≤10} N_k / k^.7. P(i|j) = C_ji / (C_j + α) + α / (C_j + α) · R(i|j): the fewer transitions item j has, the
larger the weight of its group. R(i|j) is the same probability between groups of items, times the share of i in
the events of its group; it backs off from finer groups to coarser ones, and from these to popularity. Groups are
clusters of PPMI-SVD vectors. P is multiplied by popularity^-.3 of item i. Events of a history are weighted by
1 / (age + 1).

Back-off: Katz 1987, "Estimation of Probabilities from Sparse Data for the Language Model Component of a Speech
Recognizer"; Markov chains for recommendation: Shani, Heckerman and Brafman 2005, "An MDP-Based Recommender System".
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
    """Parameters of transition counts and of the back-off."""

    lags: int = 10
    """Largest number of events between the two of a transition, plus 1."""
    lag_power: float = 0.7
    """Power of the lag in the weight of a transition."""
    back_off: float = 200.0
    """α, the number of transitions at which an item and its group have equal weight."""
    damping: float = 0.3
    """Power of an item's popularity by which its scores are divided."""
    levels: tuple[int, ...] = (512, 64)
    """Numbers of groups, from fine to coarse."""
    min_members: int = 3
    """Smallest mean group size; levels with smaller groups are left out."""
    width: int = 64
    """Dimensions of the clustered vectors."""


DEFAULT = Config()


@dataclass(frozen=True)
class Markov(Model):
    """P in factored form: item transitions, and transitions between groups."""

    own: csr_matrix
    """Item transitions, items × items, sparse."""
    groups: Array
    """Group of each item, levels × items, int32, numbered across levels. The last level is a single group."""
    back_off: Array
    """Back-off weight of each item to its group, levels × items, float32."""
    shares: Array
    """Share of each item in the events of its group, levels × items, float32."""
    between: Array
    """Transitions between groups of one level, groups × groups, float32."""

    def score(self, batch: UserBatch) -> Array:
        """Returns Σ over the history of weight × P."""
        histories = batch.weighted(harmonic)
        by_groups = np.asarray((histories @ self._members(self.back_off)).todense()) @ self.between
        scores: Array = product(histories, self.own) + by_groups @ self._members(self.shares).T
        return scores

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns P[event, item] / (age + 1)."""
        weights = harmonic(ages)
        added = event_contributions(self.own, weights, latest, items)
        events_weight = np.where((latest >= 0)[:, None, :] & (items >= 0)[:, :, None], weights[:, None, :], 0)
        for group_of, back_off, shares in zip(self.groups, self.back_off, self.shares, strict=True):
            between = self.between[group_of[latest][:, None, :], group_of[items][:, :, None]]
            added += events_weight * back_off[latest][:, None, :] * between * shares[items][:, :, None]
        return added

    def _members(self, values: Array) -> csr_matrix:
        """Returns items × groups, with the value of each item at its group of each level."""
        levels, items = values.shape
        rows = np.tile(np.arange(items), levels)
        return csr_matrix((values.ravel(), (rows, self.groups.ravel())), shape=(items, len(self.between)))


def fit(data: TrainingData, config: Config = DEFAULT) -> Markov:
    """Fits transitions between items and between groups."""
    histories, items, alpha = data.histories, data.items, config.back_off
    counts = weighted_counts(histories, items, lambda lag: lag**-config.lag_power, config.lags)
    popular = np.bincount(histories.items, minlength=items) + 0.5
    damping = popular**-config.damping
    outgoing = np.asarray(counts.sum(1)).ravel()
    own = diags(1 / (outgoing + alpha)) @ counts @ diags(damping)
    left = alpha / (outgoing + alpha)
    groups: list[Array] = []
    back_off, shares, between = [], [], [np.zeros((0, 0))]
    for group_of in _levels(data, config):
        member = csr_matrix((np.ones(items), (np.arange(items), group_of)))
        of_groups = np.asarray((member.T @ counts @ member).todense())
        total = of_groups.sum(1)
        groups.append(group_of + sum(len(transitions) for transitions in between))
        back_off.append(left * (total / (total + alpha))[group_of])
        shares.append(damping * popular / (popular @ member)[group_of])
        between.append(of_groups / np.maximum(total, 1e-9)[:, None])
        left = left * (alpha / (total + alpha))[group_of]
    groups.append(np.full(items, sum(len(transitions) for transitions in between)))
    back_off.append(left)
    shares.append(damping * popular / popular.sum())
    between.append(np.ones((1, 1)))
    return Markov(
        own.tocsr().astype(np.float32),
        np.array(groups, np.int32),
        np.array(back_off, np.float32),
        np.array(shares, np.float32),
        np.asarray(block_diag(between).todense(), np.float32),
    )


def _levels(data: TrainingData, config: Config) -> Iterator[Array]:
    """Yields the group of each item, level by level."""
    wanted = [count for count in config.levels if count * config.min_members <= data.items]
    if wanted:
        vectors = unit(ppmi_vectors(data.histories, data.items, config.width, data.seed))
        yield from (clusters(vectors, count, data.seed)[0] for count in wanted)
