"""Ordered co-occurrence counts: N_k[i, j] is the number of times that j came k events after i in one history."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

PAIRS_AT_ONCE = 20_000_000


def lagged(histories: Interactions, lag: int) -> tuple[Array, Array, Array]:
    """Returns all pairs of events that are `lag` events apart in one history.

    Returns:
        Earlier items, later items, and numbers of events of the history after the later one.
    """
    users = histories.event_users
    earlier = np.flatnonzero(users[:-lag] == users[lag:]) if lag < len(users) else np.empty(0, np.int64)
    later = earlier + lag
    return histories.items[earlier], histories.items[later], histories.starts[users[later] + 1] - 1 - later


def weighted_counts(histories: Interactions, items: int, weights: Callable[[int], float], lags: int) -> csr_matrix:
    """Returns Σ_{k ≤ lags} weights(k) N_k, items × items, float32; rows are the earlier items."""
    total = csr_matrix((items, items), dtype=np.float32)
    for rows, columns, values in _batches(histories, weights, lags):
        total = total + coo_matrix((values, (rows, columns)), shape=(items, items)).tocsr()
    return total


def _batches(
    histories: Interactions, weights: Callable[[int], float], lags: int
) -> Iterator[tuple[Array, Array, Array]]:
    waiting: list[tuple[Array, Array, Array]] = []
    for lag in range(1, lags + 1):
        rows, columns, _ = lagged(histories, lag)
        waiting.append((rows, columns, np.full(len(rows), weights(lag), np.float32)))
        if sum(len(part[0]) for part in waiting) >= PAIRS_AT_ONCE or lag == lags:
            yield tuple(np.concatenate(parts) for parts in zip(*waiting, strict=True))  # type: ignore[misc]
            waiting = []
