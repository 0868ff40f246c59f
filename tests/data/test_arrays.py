"""Logarithms of sums of exponentials."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chatrec.data.arrays import log_softmax, log_sum

ROWS = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.floats(-20, 20))


@given(ROWS, st.floats(-1e4, 1e4))
def test_it_is_the_logarithm_of_the_sum_wherever_the_values_lie(values: np.ndarray, shift: float) -> None:
    plain = np.log(np.exp(values).sum(1, keepdims=True))
    assert np.allclose(log_sum(values + shift), plain + shift)


@given(ROWS)
def test_shares_sum_to_one(values: np.ndarray) -> None:
    assert np.allclose(np.exp(log_softmax(values)).sum(1), 1)


def test_what_is_impossible_counts_nothing() -> None:
    values = np.array([[0, -np.inf], [-np.inf, -np.inf]], np.float32)
    assert log_sum(values)[0, 0] == 0
    assert np.isfinite(log_sum(values)).all()
