"""Array helpers: top k of rows, unit vectors, and log-sum-exp without overflow."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""An array of any type, where a function takes several or the type is in the text."""
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]
LEAST = np.finfo(np.float32)
LEAST_LENGTH = 1e-9


def top_k(scores: FloatArray, k: int, stable: bool = False) -> IntArray:
    """Columns of the k largest scores of each row, the best first. Equal scores are in the order of their columns.

    Args:
        scores: rows × columns; -inf excludes a column.
        k: Maximum number of columns per row.
        stable: Whether the first columns are also chosen among equal scores that compete for the last slots. This
            sorts whole rows.

    Returns:
        int32, rows × at most k, padded with -1.
    """
    k, width = min(k, scores.shape[1]), scores.shape[1]
    if stable or k == width:
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    else:
        some = np.sort(np.argpartition(scores, width - k, axis=1)[:, width - k :], axis=1)
        best = np.take_along_axis(some, np.argsort(-np.take_along_axis(scores, some, 1), axis=1, kind="stable"), 1)
    return np.where(np.take_along_axis(scores, best, 1) > -np.inf, best, -1).astype(np.int32)


def take(values: Array, columns: IntArray, missing: float) -> Array:
    """Values of each row at some of its columns.

    Args:
        values: rows × columns.
        columns: Chosen columns of each row, padded with -1.
        missing: Value for padding.
    """
    return np.where(columns >= 0, np.take_along_axis(values, np.maximum(columns, 0), 1), missing)


def unit(vectors: FloatArray) -> FloatArray:
    """Scale rows to length 1; zeros stay. Contiguous, as FAISS requires."""
    return np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), LEAST_LENGTH))


def top_k_per_group(rows: IntArray, scores: FloatArray, n: int) -> tuple[IntArray, IntArray]:
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


def log_sum(values: FloatArray) -> FloatArray:
    """Log-sum-exp of each row: rows × 1, finite even for a row of -inf.

    Args:
        values: rows × columns, finite or -inf.
    """
    largest = np.maximum(values.max(1, keepdims=True, initial=-np.inf), LEAST.min)
    total = np.maximum(np.exp(values - largest).sum(1, keepdims=True), LEAST.tiny)
    sums: FloatArray = np.log(total) + largest
    return sums


def log_softmax(values: FloatArray) -> FloatArray:
    """Log-softmax of each row: rows × columns."""
    logarithms: FloatArray = values - log_sum(values)
    return logarithms
