"""Co-occurrence counts: N_k[i, j] is the number of times that j came k events after i in one history.

A basket is a set (see `Interactions`), so k is 1 plus the number of events between the two baskets, and a pair counts
1/n with n the size of the later basket: one of its events is the next. A pair within a basket counts 1/2 in both
directions. Without ties all pairs count 1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import ByUser, Interactions, starts_of, tie_order

PAIRS_AT_ONCE = 20_000_000
MAX_BASKET = 32
"""Largest basket of which all pairs are counted; larger ones are split at random."""
WITHIN = 0.5
"""Weight of a pair within a basket, in each direction."""


@dataclass(frozen=True)
class Baskets:
    """Histories as sequences of baskets."""

    histories: Interactions

    @classmethod
    def of(cls, histories: Interactions) -> Self:
        """Splits baskets of more than MAX_BASKET events into several, which bounds the number of pairs.

        The parts follow one another. Each user's are others, whatever the order of the events.
        """
        made = cls(histories)
        if not len(histories.items) or made.sizes.max() <= MAX_BASKET:
            return made
        order = np.lexsort((tie_order(histories.event_users, histories.items), histories.baskets))
        rank = np.arange(len(order)) - made._by_basket.starts[histories.baskets]
        parts = np.cumsum(rank % MAX_BASKET == 0)
        return cls(Interactions(histories.starts, histories.items[order], histories.weights[order], parts))

    @cached_property
    def sizes(self) -> Array:
        """Number of events of each basket."""
        return np.bincount(self.histories.baskets)

    @cached_property
    def _by_basket(self) -> ByUser:
        return ByUser(starts_of(self.histories.baskets, len(self.sizes)))

    @cached_property
    def users(self) -> Array:
        """User of each basket."""
        return self.histories.event_users[self._by_basket.starts[:-1]]

    @cached_property
    def ends(self) -> Array:
        """Position after the last event of each basket."""
        return self._by_basket.starts[1:]

    def pairs(self, lag: int, most: int) -> Iterator[tuple[Array, Array, Array]]:
        """Yields all pairs of events whose baskets are `lag` apart in one history.

        With lag 0 these are the pairs within baskets, both ways.

        Args:
            lag: Number of baskets from the earlier event to the later one.
            most: Pairs with as many events between their baskets are left out.

        Yields:
            Positions of the earlier and of the later events, and the numbers of events between their baskets (0 for
            one basket).
        """
        later = self.histories.baskets + lag
        inside = np.flatnonzero(later < len(self.sizes))
        events = inside[self.users[later[inside]] == self.histories.event_users[inside]]
        between = self._by_basket.starts[later[events]] - self.ends[self.histories.baskets[events]]
        events, between = events[between < most], np.maximum(between, 0)[between < most]
        until = np.cumsum(self.sizes[later[events]])
        cuts = np.searchsorted(until, np.arange(PAIRS_AT_ONCE, until[-1] if len(until) else 0, PAIRS_AT_ONCE))
        for part, gaps in zip(np.split(events, cuts), np.split(between, cuts), strict=True):
            owners, positions = self._by_basket.positions(later[part])
            kept = part[owners] != positions
            yield part[owners[kept]], positions[kept], gaps[owners[kept]]


def weighted_counts(histories: Interactions, items: int, weights: Callable[[Array], Array], lags: int) -> csr_matrix:
    """Returns weights(1) N_0 + Σ_{1 ≤ k ≤ lags} weights(k) N_k, items × items, float32; rows are the earlier items.

    N_0 are the pairs within baskets.
    """
    total = csr_matrix((items, items), dtype=np.float32)
    for rows, columns, values in _batches(Baskets.of(histories), weights, lags):
        total = total + coo_matrix((values, (rows, columns)), shape=(items, items)).tocsr()
    return total


def _batches(baskets: Baskets, weights: Callable[[Array], Array], lags: int) -> Iterator[tuple[Array, Array, Array]]:
    histories, sizes = baskets.histories, baskets.sizes
    waiting: list[tuple[Array, Array, Array]] = []
    for lag in range(lags + 1):
        for earlier, later, between in baskets.pairs(lag, lags):
            shares = 1 / sizes[histories.baskets[later]] if lag else WITHIN
            values = (weights(between + 1.0) * shares).astype(np.float32)
            waiting.append((histories.items[earlier], histories.items[later], values))
            if sum(len(part[0]) for part in waiting) >= PAIRS_AT_ONCE:
                yield _joined(waiting)
                waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[tuple[Array, Array, Array]]) -> tuple[Array, Array, Array]:
    rows, columns, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return rows, columns, values
