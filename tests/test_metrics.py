"""Metrics, against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec import metrics

RANKS = np.array([0, 1, 9, 10])


def test_values() -> None:
    assert metrics.ndcg(RANKS, 10) == pytest.approx([1, 1 / np.log2(3), 1 / np.log2(11), 0])
    assert metrics.hit_rate(RANKS, 10).tolist() == [1, 1, 1, 0]
    assert metrics.reciprocal_rank(RANKS, 10) == pytest.approx([1, 1 / 2, 1 / 10, 0])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30, unique=True), st.data())
def test_rank_is_the_place_in_the_sorted_list(scores: list[float], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    found = metrics.rank_in(np.array([scores]), np.array([target]))
    assert found[0] == sorted(scores, reverse=True).index(scores[target])


def test_equal_scores_are_not_called_perfect() -> None:
    assert metrics.rank_in(np.zeros((1, 101)), np.array([3]))[0] == 50


def test_what_may_not_be_recommended_does_not_count() -> None:
    assert metrics.rank_in(np.array([[-np.inf, 1.0, -np.inf, 2.0]]), np.array([1]))[0] == 1


def test_paired_difference() -> None:
    random = np.random.default_rng(0)
    base = random.random(2000)
    mean, low, high = metrics.paired_difference(base + 0.05 + random.normal(size=2000) * 0.1, base, 0)
    assert low < mean < high
    assert low > 0.04
    assert metrics.paired_difference(base, base, 0) == (0, 0, 0)
    assert metrics.paired_difference(np.empty(0), np.empty(0), 0) == (0, 0, 0)
