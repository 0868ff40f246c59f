"""The analytic Gaussian mechanism: how much noise a promise needs, and what several releases together give away.

A release is a sum over people, of which nobody's part has a Euclidean norm above 1, plus normal noise of deviation s.
It is (ε, δ)-private exactly if Φ(1/2s - εs) - e^ε Φ(-1/2s - εs) ≤ δ (Balle and Wang 2018, arXiv:1805.06530, theorem
8). Several of them, each chosen after seeing those before, are exactly as private as one with deviation (Σ 1/s²)^-1/2
(Dong, Roth and Su 2022, arXiv:1905.02383, corollary 3.3).
"""

import math
from collections.abc import Callable, Iterable

from scipy.special import log_ndtr, ndtr

SMALLEST, LARGEST = 1e-6, 1e9
HALVINGS = 200


def delta_of(epsilon: float, deviation: float) -> float:
    """The least δ that holds with ε at this deviation of the noise."""
    half, moved = 1 / (2 * deviation), epsilon * deviation
    return float(ndtr(half - moved) - math.exp(epsilon + float(log_ndtr(-half - moved))))


def deviation_of(epsilon: float, delta: float) -> float:
    """The least deviation of the noise that promises (ε, δ), rounded up."""
    return _least(lambda deviation: delta_of(epsilon, deviation) <= delta)


def epsilon_of(deviation: float, delta: float) -> float:
    """The least ε that holds with δ at this deviation, rounded up."""
    if math.isinf(deviation) or delta_of(0, deviation) <= delta:
        return 0.0
    return _least(lambda epsilon: delta_of(epsilon, deviation) <= delta)


def together(deviations: Iterable[float]) -> float:
    """The deviation of the one release that gives away as much as all of these; infinite for none."""
    precision = sum(deviation**-2 for deviation in deviations)
    return precision**-0.5 if precision else math.inf


def _least(holds: Callable[[float], bool]) -> float:
    """The least value, by halving on a scale of ratios, from which something holds."""
    low, high = math.log(SMALLEST), math.log(LARGEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(math.exp(middle)) else (middle, high)
    return math.exp(high)
