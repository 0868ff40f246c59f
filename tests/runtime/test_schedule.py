"""Learning-rate schedules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.runtime.schedule import warm_cosine, warm_linear


@given(st.integers(1, 500), st.floats(0, 1), st.booleans())
def test_a_cosine_rises_once_and_falls_to_zero(steps: int, share: float, after: bool) -> None:
    rising = int(share * steps)
    rates = [warm_cosine(step, steps, rising, rising if after else 0, 0.5) for step in range(steps)]
    top = rates.index(max(rates))
    assert all(0 < rate <= 0.5 for rate in rates)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


@pytest.mark.parametrize(("done", "rate"), [(0, 0.1), (0.05, 0.5), (0.1, 0.91), (0.5, 0.55), (1, 0.1), (2, 0.1)])
def test_a_straight_line_rises_to_the_peak_and_falls_to_the_last_rate(done: float, rate: float) -> None:
    assert warm_linear(done, 0.1, 0.1) == pytest.approx(rate)
