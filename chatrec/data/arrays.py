"""Array helpers: top k of rows, and log-sum-exp without overflow."""

import numpy as np

Array = np.ndarray
LEAST = np.finfo(np.float32)


def top_k(scores: Array, k: int) -> Array:
    """Columns of the k largest scores of each row, the best first, int32. Ties are broken deterministically."""
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        best = np.sort(np.argpartition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k :], axis=1)
    else:
        best = np.broadcast_to(np.arange(k), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1).astype(np.int32)


def top_k_per_group(rows: Array, scores: Array, n: int) -> tuple[Array, Array]:
    """The n largest entries of each row.

    Args:
        rows: Row of each entry.
        scores: Score of each entry. Of equal scores the earlier entry ranks higher.
        n: Maximum number of entries per row.

    Returns:
        Positions of the entries, ordered by row and rank, and their ranks, from 1.
    """
    order = np.lexsort((-scores, rows))
    ordered = rows[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered) + 1
    kept = rank <= n
    return order[kept], rank[kept]


def log_sum(values: Array) -> Array:
    """Log-sum-exp of each row: rows × 1, finite even for a row of -inf.

    Args:
        values: rows × columns, finite or -inf.
    """
    largest = np.maximum(values.max(1, keepdims=True, initial=-np.inf), LEAST.min)
    total = np.maximum(np.exp(values - largest).sum(1, keepdims=True), LEAST.tiny)
    sums: Array = np.log(total) + largest
    return sums


def log_softmax(values: Array) -> Array:
    """Log-softmax of each row: rows × columns."""
    logarithms: Array = values - log_sum(values)
    return logarithms
