"""Popularity: weighted numbers of users of items, with an optional half-life, a window of days, and within groups.

A user counts once for an item, however many events there are, with the largest weight and the newest time of these.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import DAY, Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import VectorModel
from chatrec.models.training_data import TrainingData

SMOOTHING = 1.0
"""Pseudo-count added to each item (Laplace smoothing), so that a cold item has a share above zero."""
CLOCK_FROM = 1_000 * DAY
"""Smallest time that is read as a date. Logs that number their events instead of dating them have smaller times."""


@dataclass(frozen=True)
class Config:
    """Parameters of popularity."""

    half_life: float | None = None
    """Half-life of the weight of a user, as a share of the time from the oldest event to the newest; None gives all
    users full weight."""


DEFAULT = Config()


@dataclass(frozen=True)
class Popularity(VectorModel):
    """Popularity of items; scores are the same for all users."""

    weights: Array
    """Summed weights of the users of each item, float32."""

    @property
    def keys(self) -> Array:
        """log(weight + SMOOTHING), items × 1; a sum of logits multiplies shares."""
        return np.log(self.weights + np.float32(SMOOTHING))[:, None]

    def queries(self, batch: UserBatch) -> Array:
        """Returns 1 for each user, users × 1."""
        return np.ones((len(batch.users), 1), np.float32)

    def score(self, batch: UserBatch) -> Array:
        """Returns the popularity of items, repeated for each user."""
        return np.repeat(self.weights[None, :], len(batch.users), axis=0)


def popularity(histories: Interactions, count: int, half_life: float | None = None) -> Array:
    """Returns the summed weights of the users of each item, float64.

    Args:
        histories: Interactions of all users.
        count: Number of items.
        half_life: See `Config`.
    """
    pairs = histories.event_users * np.int64(count) + histories.items
    order = np.argsort(pairs, kind="stable")  # the newest event of a pair is the last
    first = np.flatnonzero(np.diff(pairs[order], prepend=-1))
    if not len(first):
        return np.zeros(count)
    weights = np.maximum.reduceat(histories.weights[order], first).astype(np.float64)
    if half_life is not None:
        newest = histories.times[order[np.append(first[1:], len(order)) - 1]]
        span = max(int(np.ptp(histories.times)), 1)
        weights *= 0.5 ** ((histories.times.max() - newest) / span / half_life)
    return np.bincount(histories.items[order[first]], weights, count)


def fit(data: TrainingData, config: Config = DEFAULT) -> Popularity:
    """Fits popularity to all events."""
    return Popularity(popularity(data.histories, data.items, config.half_life).astype(np.float32))


def fit_last_days(data: TrainingData, days: int) -> Popularity | None:
    """Fits popularity to the events of the last days before the newest event.

    Returns:
        The model; None where `in_last_days` is None.
    """
    recent = in_last_days(data.histories, days)
    return None if recent is None else fit(replace(data, histories=data.histories.only(recent)))


def in_last_days(histories: Interactions, days: float) -> Array | None:
    """Returns a mask of the events of the last days before the newest event.

    Returns:
        bool for each event; None if it selects all events, or if times are not dates.
    """
    newest = int(histories.times.max(initial=0))
    recent = histories.times > newest - days * DAY
    return None if recent.all() or newest < CLOCK_FROM else recent


def shares_of_groups(groups: csr_matrix, popular: Array) -> csr_matrix:
    """Returns P(i|k), groups × items; the row of a group with members sums to 1.

    Args:
        groups: Membership, groups × items, 1 for a member.
        popular: Popularity of each item.
    """
    weights = groups.multiply(popular + SMOOTHING).tocsr()
    totals = np.maximum(np.asarray(weights.sum(1)).ravel(), SMOOTHING)
    return csr_matrix(weights.multiply(1 / totals[:, None]))
