"""Some users at a time: their histories as a matrix, and what their lists may not have."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

NEGLIGIBLE = 0.02
"""Events that weigh less are left out."""


@dataclass(frozen=True)
class UserBatch:
    """Some users, all with a history."""

    histories: Interactions
    users: Array
    recommendable: Array
    """bool for each item."""
    exclude_seen: bool
    returning: Array | None = None
    """bool for each event: it does not keep its item from coming again; None: all do, if `exclude_seen`."""

    @cached_property
    def exclude_mask(self) -> Array:
        """bool, users × items: what a list may not have."""
        excluded = np.repeat(~self.recommendable[None, :], len(self.users), axis=0)
        if self.exclude_seen:
            rows, events, _ = self._events
            if self.returning is not None:
                hiding = ~self.returning[events]
                rows, events = rows[hiding], events[hiding]
            excluded[rows, self.histories.items[events]] = True
        return excluded

    def weighted(self, weigh: Callable[[Array], Array]) -> csr_matrix:
        """The histories as a matrix.

        Args:
            weigh: from the age of an event (0 is the newest) to its weight.

        Returns:
            users × items, float32; an item taken twice has the sum of both weights.
        """
        rows, events, ages = self._events
        weights = weigh(ages).astype(np.float32)
        kept = weights > NEGLIGIBLE
        shape = (len(self.users), len(self.recommendable))
        return csr_matrix((weights[kept], (rows[kept], self.histories.items[events[kept]])), shape=shape)

    @cached_property
    def _events(self) -> tuple[Array, Array, Array]:
        """The row, the position and the age of every event."""
        rows, events = self.histories.positions(self.users)
        return rows, events, self.histories.starts[self.users + 1][rows] - 1 - events


def batches(
    histories: Interactions, users: Array, recommendable: Array, exclude_seen: bool, size: int
) -> Iterator[UserBatch]:
    """The users in batches of at most `size`."""
    for start in range(0, len(users), size):
        yield UserBatch(histories, users[start : start + size], recommendable, exclude_seen)
