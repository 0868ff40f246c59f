"""The best of rows, unit vectors, and logarithms of sums of exponentials."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chatrec.data.arrays import log_softmax, log_sum, take, top_k, unit

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


MASKED = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 8)),
    elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]),
)


@given(MASKED, st.integers(1, 10), st.booleans())
def test_a_masked_item_is_never_among_the_best(scores: np.ndarray, k: int, stable: bool) -> None:
    best = top_k(scores, k, stable)
    assert best.shape == (len(scores), min(k, scores.shape[1]))
    for row, columns in zip(scores, best, strict=True):
        chosen = columns[columns >= 0]
        assert len(set(chosen.tolist())) == len(chosen) == min(k, int(np.isfinite(row).sum()))
        assert row[chosen].tolist() == sorted(row[np.isfinite(row)].tolist(), reverse=True)[:k]
        assert (columns[len(chosen) :] == -1).all()


@given(MASKED, st.integers(1, 10))
def test_of_equal_scores_the_first_are_the_best_if_so_wanted(scores: np.ndarray, k: int) -> None:
    for row, columns in zip(scores, top_k(scores, k, stable=True), strict=True):
        allowed = [column for column in range(len(row)) if np.isfinite(row[column])]
        assert columns[columns >= 0].tolist() == sorted(allowed, key=lambda column: -row[column])[:k]


def test_what_is_not_there_is_taken_as_missing() -> None:
    values = np.array([[5, 6, 7], [1, 2, 3]], np.int32)
    found = take(values, np.array([[2, -1], [-1, 0]]), -9)
    assert found.tolist() == [[7, -9], [-9, 1]]
    assert found.dtype == np.int32


def test_rows_become_of_length_one_and_zeros_stay() -> None:
    found = unit(np.array([[3, 4], [0, 0]], np.float32))
    assert np.allclose(found, [[0.6, 0.8], [0, 0]])
    assert found.dtype == np.float32
