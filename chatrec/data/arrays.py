"""Helpers for arrays: the best entries of rows, and logarithms of sums that do not overflow."""

import numpy as np

Array = np.ndarray
LEAST = np.finfo(np.float32)


def top_k(scores: Array, k: int) -> Array:
    """The k best columns of each row, the best first; which of equal ones are last is the same every time."""
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        found = np.sort(np.argpartition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k :], axis=1)
    else:
        found = np.broadcast_to(np.arange(k), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, found, 1), axis=1, kind="stable")
    return np.take_along_axis(found, order, 1).astype(np.int32)


def top_k_per_group(rows: Array, scores: Array, n: int) -> tuple[Array, Array]:
    """The n best entries of each row.

    Args:
        rows: of each entry.
        scores: of each entry; of equal ones the earlier is better.
        n: how many a row keeps.

    Returns:
        Places of the entries, ordered by row and rank, and their ranks, from 1.
    """
    order = np.lexsort((-scores, rows))
    ordered = rows[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered) + 1
    kept = rank <= n
    return order[kept], rank[kept]


def log_sum(values: Array) -> Array:
    """log Σ exp of each row: rows × 1, finite even where all of a row is -inf.

    Args:
        values: rows × columns, floats or -inf.
    """
    largest = np.maximum(values.max(1, keepdims=True, initial=-np.inf), LEAST.min)
    total = np.maximum(np.exp(values - largest).sum(1, keepdims=True), LEAST.tiny)
    found: Array = np.log(total) + largest
    return found


def log_softmax(values: Array) -> Array:
    """The logarithms of shares that sum to 1 in each row, as `values`."""
    found: Array = values - log_sum(values)
    return found
