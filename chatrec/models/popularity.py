"""Popularity: weighted event counts of items, with an optional half-life, a window of days, and within groups."""

from dataclasses import dataclass

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
    """Half-life of the weight of an event, as a share of the time from the oldest event to the newest; None gives all
    events full weight."""


DEFAULT = Config()


@dataclass(frozen=True)
class Popularity(VectorModel):
    """Popularity of items; scores are the same for all users."""

    weights: Array
    """Weight of the events of each item, float32."""

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


def popularity(items: Array, weights: Array, count: int) -> Array:
    """Returns the summed weight of the events of each of `count` items, float64."""
    return np.bincount(items, weights=weights, minlength=count).astype(np.float64)


def fit(data: TrainingData, config: Config = DEFAULT) -> Popularity:
    """Fits popularity to all events."""
    histories, weights = data.histories, data.histories.weights
    if config.half_life is not None:
        span = max(int(np.ptp(histories.times)), 1) if len(histories.times) else 1
        age = (histories.times.max(initial=0) - histories.times) / span
        weights = weights * 0.5 ** (age / config.half_life)
    return Popularity(popularity(histories.items, weights, data.items).astype(np.float32))


def fit_last_days(data: TrainingData, days: int) -> Popularity | None:
    """Fits popularity to the events of the last days before the newest event.

    Returns:
        The model; None where `in_last_days` is None.
    """
    histories = data.histories
    recent = in_last_days(histories, days)
    if recent is None:
        return None
    return Popularity(popularity(histories.items[recent], histories.weights[recent], data.items).astype(np.float32))


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
