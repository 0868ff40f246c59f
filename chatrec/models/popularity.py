"""Popularity: of all items, lately, and within groups."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch

SMOOTHING = 1.0
"""Events that every item is taken to have had: a new item of a group is not impossible."""
HALF_LIVES = {"popular now": 0.01, "popular lately": 0.05, "popular for a while": 0.2}
"""As shares of the time that the histories span."""
DAY = 86_400 * 1_000_000
CLOCK_FROM = 1_000 * DAY
"""Earlier times, of the first thousand days of 1970 and after, are places in an order and not moments."""


@dataclass(frozen=True)
class Popularity:
    """The same scores for everybody."""

    weights: Array
    """float32, for each item."""

    log_probabilities = False

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

    def contributions(self, latest: Array, items: Array) -> None:
        """See Model."""
        return


def popularity(items: Array, weights: Array, count: int) -> Array:
    """The weight of all events of each item: float64, `count` long."""
    return np.bincount(items, weights=weights, minlength=count).astype(np.float64)


def fit(histories: Interactions, items: int) -> Popularity:
    """Counts all events alike."""
    return Popularity(popularity(histories.items, histories.weights, items).astype(np.float32))


def fit_recent(histories: Interactions, items: int, half_life: float) -> Popularity:
    """Counts an event half as much for each `half_life` that it is older than the newest."""
    span = max(int(np.ptp(histories.times)), 1) if len(histories.times) else 1
    age = (histories.times.max(initial=0) - histories.times) / span
    return Popularity(
        popularity(histories.items, histories.weights * 0.5 ** (age / half_life), items).astype(np.float32)
    )


def fit_last_days(histories: Interactions, items: int, days: int) -> Popularity | None:
    """Counts the events of the last days before the newest one.

    Returns:
        None where there is nothing to tell apart: all events are that new, or times are no moments.
    """
    newest = int(histories.times.max(initial=0))
    late = histories.times > newest - days * DAY
    if late.all() or newest < CLOCK_FROM:
        return None
    return Popularity(popularity(histories.items[late], histories.weights[late], items).astype(np.float32))


def shares_of_groups(groups: csr_matrix, popular: Array) -> csr_matrix:
    """P(i|k): groups × items, each row with members sums to 1.

    Args:
        groups: groups × items, 1 for a member.
        popular: for each item.
    """
    weights = groups.multiply(popular + SMOOTHING).tocsr()
    totals = np.maximum(np.asarray(weights.sum(1)).ravel(), SMOOTHING)
    return csr_matrix(weights.multiply(1 / totals[:, None]))
