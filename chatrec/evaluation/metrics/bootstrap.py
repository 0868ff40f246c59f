"""Bootstrap confidence intervals (Efron 1979) of means over users, paired for the comparison of two models."""

import numpy as np

from chatrec.evaluation.metrics.accuracy import Floats

RESAMPLES = 1_000
Interval = tuple[float, float, float]
"""Mean, lower bound and upper bound."""


def interval(values: Floats, seed: int, level: float = 0.95) -> Interval:
    """Returns the mean over users with its percentile interval; zeros without users.

    Args:
        values: One value per user.
        seed: Seed of the bootstrap.
        level: Confidence level.
    """
    if not len(values):
        return 0.0, 0.0, 0.0
    random = np.random.default_rng(seed)
    means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(values.mean()), float(low), float(high)


def paired_difference(a: Floats, b: Floats, seed: int, level: float = 0.95) -> Interval:
    """Returns the mean of a - b over users, with its interval.

    Args:
        a: One value per user.
        b: Values of another model, for the same users.
        seed: Seed of the bootstrap.
        level: Confidence level.
    """
    return interval(a - b, seed, level)
