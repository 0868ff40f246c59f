"""Batches of users: their histories as a matrix, and the items excluded from their lists."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import BoolArray, FloatArray, IntArray, take, top_k
from chatrec.data.interactions import Interactions

NEGLIGIBLE = 0.02
"""Smallest weight of an event that counts."""


@dataclass(frozen=True)
class UserBatch:
    """A batch of users, all with a history."""

    histories: Interactions
    users: IntArray
    recommendable: BoolArray
    """bool for each item."""
    exclude_seen: bool
    returning: BoolArray | None = None
    """bool for each event: whether its item may be recommended again in spite of `exclude_seen`; None for no event."""

    @cached_property
    def exclude_mask(self) -> BoolArray:
        """bool, users × items: items excluded from each list."""
        excluded = np.repeat(~self.recommendable[None, :], len(self.users), axis=0)
        if self.exclude_seen:
            rows, events, _ = self._events
            if self.returning is not None:
                hiding = ~self.returning[events]
                rows, events = rows[hiding], events[hiding]
            excluded[rows, self.histories.items[events]] = True
        return excluded

    def weighted(self, weigh: Callable[[IntArray], FloatArray]) -> csr_matrix:
        """Histories as a matrix.

        Args:
            weigh: Function from the age of an event, the number of newer events, to its weight.

        Returns:
            users × items, float32. Weights of several events with an item are added.
        """
        _, _, ages = self._events
        return self._matrix(weigh(ages))

    def distinct(self, weigh: Callable[[IntArray], FloatArray]) -> csr_matrix:
        """Histories as a matrix like that of `weighted`, in which an item counts once, by its newest event."""
        _, events, ages = self._events
        return self._matrix(np.where(self.histories.superseded[events], 0, weigh(ages)))

    def _matrix(self, weights: FloatArray) -> csr_matrix:
        rows, events, _ = self._events
        kept = weights > NEGLIGIBLE
        cells = rows[kept], self.histories.items[events[kept]]
        shape = (len(self.users), len(self.recommendable))
        return csr_matrix((weights[kept].astype(np.float32), cells), shape=shape)

    def best(self, scores: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """Lists from scores, without excluded items.

        Args:
            scores: users × items; higher is better.
            k: Maximum length of a list.

        Returns:
            Items and their scores, users × k or the number of items, the best first; -1 and -inf where a list ends.
        """
        scores = np.where(self.exclude_mask, -np.inf, scores)
        items = top_k(scores, k)
        return items, take(scores, items, -np.inf)

    @cached_property
    def _events(self) -> tuple[IntArray, IntArray, IntArray]:
        """Row, position and age of every event."""
        rows, events = self.histories.positions(self.users)
        return rows, events, self.histories.ages[events]


def batches(
    histories: Interactions, users: IntArray, recommendable: BoolArray, exclude_seen: bool, size: int
) -> Iterator[UserBatch]:
    """Yield the users in batches of at most `size`."""
    for start in range(0, len(users), size):
        yield UserBatch(histories, users[start : start + size], recommendable, exclude_seen)
