"""The mechanism: its noise is the least that keeps the promise, and what releases give away adds up."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from chatrec.privacy import gaussian

EPSILONS, DELTAS = st.floats(0.05, 20), st.sampled_from([1e-9, 1.1e-6, 1e-3])


@given(EPSILONS, DELTAS)
def test_the_noise_is_the_least_that_keeps_the_promise(epsilon: float, delta: float) -> None:
    deviation = gaussian.deviation_of(epsilon, delta)
    assert gaussian.delta_of(epsilon, deviation) <= delta
    assert gaussian.delta_of(epsilon, deviation * 0.999) > delta
    assert gaussian.epsilon_of(deviation, delta) == pytest.approx(epsilon, rel=1e-6)


@given(st.floats(0.1, 5), st.floats(0.3, 10))
def test_delta_is_the_integral_of_what_the_densities_differ_by(epsilon: float, deviation: float) -> None:
    x = np.linspace(-12 * deviation, 12 * deviation + 1, 20_001)
    with_one, without = norm.pdf(x, 1, deviation), norm.pdf(x, 0, deviation)
    excess = np.trapezoid(np.maximum(with_one - math.exp(epsilon) * without, 0), x)
    assert gaussian.delta_of(epsilon, deviation) == pytest.approx(excess, abs=1e-6)


@given(st.lists(st.floats(0.5, 50), min_size=1, max_size=6))
def test_several_releases_give_away_more_than_each(deviations: list[float]) -> None:
    both = gaussian.together(deviations)
    assert both <= min(deviations)
    assert gaussian.epsilon_of(both, 1e-6) >= gaussian.epsilon_of(min(deviations), 1e-6)
    assert gaussian.together([both]) == pytest.approx(both)


def test_nothing_released_gives_nothing_away() -> None:
    assert gaussian.epsilon_of(gaussian.together([]), 1e-6) == 0


def test_an_independent_accountant_agrees() -> None:
    dp = pytest.importorskip("dp_accounting")
    for epsilon in (0.5, 1.0, 4.0):
        deviation = gaussian.deviation_of(epsilon, 1.1e-6)
        assert deviation == pytest.approx(dp.get_sigma_gaussian(epsilon, 1.1e-6), rel=1e-6)
        accountant = dp.pld.PLDAccountant()
        accountant.compose(dp.GaussianDpEvent(deviation), 3)
        accountant.compose(dp.GaussianDpEvent(2 * deviation))
        all_of_them = gaussian.together([deviation] * 3 + [2 * deviation])
        assert gaussian.epsilon_of(all_of_them, 1.1e-6) == pytest.approx(accountant.get_epsilon(1.1e-6), rel=1e-3)
