"""How sure a mean over users is: bootstrap intervals (Efron 1979), paired where two systems are compared."""

import numpy as np

from chatrec.evaluation.metrics.accuracy import Floats

RESAMPLES = 1_000
Interval = tuple[float, float, float]
"""A mean, its lower and its upper bound."""


def interval(values: Floats, seed: int, level: float = 0.95) -> Interval:
    """The mean over users with the bounds of its percentile interval; zeros without users.

    Args:
        values: one for each user.
        seed: of the bootstrap.
        level: how sure the interval is.
    """
    if not len(values):
        return 0.0, 0.0, 0.0
    random = np.random.default_rng(seed)
    means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(values.mean()), float(low), float(high)


def paired_difference(a: Floats, b: Floats, seed: int, level: float = 0.95) -> Interval:
    """How much better `a` is than `b`: the interval of a - b, user by user.

    Args:
        a: a value for each user.
        b: the same for another system.
        seed: of the bootstrap.
        level: how sure the interval is.
    """
    return interval(a - b, seed, level)
