"""Logarithms of sums of exponentials, computed so that nothing overflows."""

import numpy as np

Floats = np.ndarray
LEAST = np.finfo(np.float32)


def log_sum(values: Floats) -> Floats:
    """log Σ exp of each row: rows × 1, finite even where all of a row is -inf.

    Args:
        values: rows × columns, floats or -inf.
    """
    largest = np.maximum(values.max(1, keepdims=True, initial=-np.inf), LEAST.min)
    total = np.maximum(np.exp(values - largest).sum(1, keepdims=True), LEAST.tiny)
    found: Floats = np.log(total) + largest
    return found


def log_softmax(values: Floats) -> Floats:
    """The logarithms of shares that sum to 1 in each row, as `values`."""
    found: Floats = values - log_sum(values)
    return found
