"""Popularity: of all items, lately, and within groups."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import DAY, Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import VectorModel
from chatrec.models.training_data import TrainingData

SMOOTHING = 1.0
"""Events that every item is taken to have had: a new item of a group is not impossible."""
CLOCK_FROM = 1_000 * DAY
"""Earlier times, of the first thousand days of 1970 and after, are places in an order and not moments."""


@dataclass(frozen=True)
class Config:
    """Which events count."""

    half_life: float | None = None
    """An event counts half as much for each that it is older than the newest, as a share of the time that the histories
    span; None counts all events alike."""


DEFAULT = Config()


@dataclass(frozen=True)
class Popularity(VectorModel):
    """The same scores for everybody."""

    weights: Array
    """float32, for each item."""

    @property
    def keys(self) -> Array:
        """See VectorModel: the logarithm, because a sum of logits multiplies shares."""
        return np.log(self.weights + np.float32(SMOOTHING))[:, None]

    def queries(self, batch: UserBatch) -> Array:
        """See VectorModel."""
        return np.ones((len(batch.users), 1), np.float32)

    def score(self, batch: UserBatch) -> Array:
        """How popular each item is."""
        return np.repeat(self.weights[None, :], len(batch.users), axis=0)


def popularity(items: Array, weights: Array, count: int) -> Array:
    """The weight of all events of each item: float64, `count` long."""
    return np.bincount(items, weights=weights, minlength=count).astype(np.float64)


def fit(data: TrainingData, config: Config = DEFAULT) -> Popularity:
    """Counts the events."""
    histories, weights = data.histories, data.histories.weights
    if config.half_life is not None:
        span = max(int(np.ptp(histories.times)), 1) if len(histories.times) else 1
        age = (histories.times.max(initial=0) - histories.times) / span
        weights = weights * 0.5 ** (age / config.half_life)
    return Popularity(popularity(histories.items, weights, data.items).astype(np.float32))


def fit_last_days(data: TrainingData, days: int) -> Popularity | None:
    """Counts the events of the last days before the newest one.

    Returns:
        None where there is nothing to tell apart; see `in_last_days`.
    """
    histories = data.histories
    late = in_last_days(histories, days)
    if late is None:
        return None
    return Popularity(popularity(histories.items[late], histories.weights[late], data.items).astype(np.float32))


def in_last_days(histories: Interactions, days: float) -> Array | None:
    """Which events are of the last days before the newest one.

    Returns:
        bool for each event; None where there is nothing to tell apart: all events are that new, or times are no
        moments.
    """
    newest = int(histories.times.max(initial=0))
    late = histories.times > newest - days * DAY
    return None if late.all() or newest < CLOCK_FROM else late


def shares_of_groups(groups: csr_matrix, popular: Array) -> csr_matrix:
    """P(i|k): groups × items, each row with members sums to 1.

    Args:
        groups: groups × items, 1 for a member.
        popular: for each item.
    """
    weights = groups.multiply(popular + SMOOTHING).tocsr()
    totals = np.maximum(np.asarray(weights.sum(1)).ravel(), SMOOTHING)
    return csr_matrix(weights.multiply(1 / totals[:, None]))
