"""The analytic Gaussian mechanism: calibration of the noise, and composition of several releases.

A release is a sum over users, with each user's part at most 1 in Euclidean norm, plus normal noise with standard
deviation s. It is (ε, δ)-private if and only if Φ(1/2s - εs) - e^ε Φ(-1/2s - εs) ≤ δ (Balle and Wang 2018,
arXiv:1805.06530, theorem 8). Adaptively composed releases are exactly as private as one with deviation (Σ 1/s²)^-1/2
(Dong, Roth and Su 2022, arXiv:1905.02383, corollary 3.3).
"""

import math
from collections.abc import Callable, Iterable

from scipy.special import log_ndtr, ndtr

SMALLEST, LARGEST = 1e-6, 1e9
HALVINGS = 200


def delta_of(epsilon: float, deviation: float) -> float:
    """Smallest δ for ε at a standard deviation of the noise."""
    half, moved = 1 / (2 * deviation), epsilon * deviation
    return float(ndtr(half - moved) - math.exp(epsilon + float(log_ndtr(-half - moved))))


def deviation_of(epsilon: float, delta: float) -> float:
    """Smallest standard deviation of the noise that satisfies (ε, δ), rounded up."""
    return _least(lambda deviation: delta_of(epsilon, deviation) <= delta)


def epsilon_of(deviation: float, delta: float) -> float:
    """Smallest ε for δ at a standard deviation of the noise, rounded up."""
    if math.isinf(deviation) or delta_of(0, deviation) <= delta:
        return 0.0
    return _least(lambda epsilon: delta_of(epsilon, deviation) <= delta)


def together(deviations: Iterable[float]) -> float:
    """Standard deviation of the single release that is equivalent to several; infinite for none."""
    precision = sum(deviation**-2 for deviation in deviations)
    return precision**-0.5 if precision else math.inf


def _least(holds: Callable[[float], bool]) -> float:
    """Smallest value for which a monotone condition holds, by bisection on a logarithmic scale."""
    low, high = math.log(SMALLEST), math.log(LARGEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(math.exp(middle)) else (middle, high)
    return math.exp(high)
