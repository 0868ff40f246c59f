"""What lists show, against values worked out by hand, and the laws that each measure keeps."""

import itertools
import random as chance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.evaluation import metrics

LISTS = np.array([[0, 1], [0, 2], [0, -1], [-1, -1]])
counts = st.lists(st.integers(0, 20), min_size=1, max_size=12).map(np.array)


def test_exposure_counts_lists_of_what_may_be_recommended() -> None:
    assert metrics.exposure(LISTS, np.array([True, True, True, False, True])).tolist() == [3, 1, 1, 0]


def test_novelty_by_hand() -> None:
    """Of eight users all took item 0, two item 1, none item 2, which counts as one."""
    found = metrics.novelty(LISTS, np.array([8, 2, 0]), 8)
    assert found == pytest.approx(((0 + 2) / 2 + (0 + 3) / 2 + 0) / 3)
    assert metrics.novelty(np.full((2, 3), -1), np.array([8]), 8) == 0


def test_gini_by_hand() -> None:
    assert metrics.gini(np.array([5, 5, 5, 5])) == pytest.approx(0)
    assert metrics.gini(np.array([0, 0, 0, 7])) == pytest.approx(3 / 4)
    assert metrics.gini(np.array([3, 1])) == pytest.approx(1 / 4)
    assert metrics.gini(np.eye(1, 1000, dtype=int)[0]) == pytest.approx(0.999)
    assert metrics.gini(np.zeros(3, int)) == 0


@given(counts, st.integers(2, 5), st.randoms())
def test_gini_is_half_the_mean_difference_whatever_the_order_and_the_scale(
    found: np.ndarray, factor: int, random: chance.Random
) -> None:
    value = metrics.gini(found)
    if found.sum():
        differences = np.abs(found[:, None] - found[None, :]).mean()
        assert value == pytest.approx(differences / (2 * found.mean()), abs=1e-12)
    mixed = found.tolist()
    random.shuffle(mixed)
    assert metrics.gini(np.array(mixed)) == pytest.approx(value)
    assert metrics.gini(found * factor) == pytest.approx(value)


def test_lorenz_by_hand() -> None:
    assert metrics.lorenz(np.array([3, 1]), 3).tolist() == [0, 0.25, 1]
    assert metrics.lorenz(np.array([2, 2, 2, 2]), 5).tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1])


@given(counts.filter(lambda found: found.sum() > 0))
def test_gini_is_the_area_between_lorenz_and_the_diagonal(found: np.ndarray) -> None:
    curve = metrics.lorenz(found, len(found) + 1)
    area = (curve[1:] + curve[:-1]).sum() / 2 / len(found)
    assert metrics.gini(found) == pytest.approx(1 - 2 * area, abs=1e-12)


def test_diversity_by_hand() -> None:
    """Two equal items, one at a right angle, one of which nothing is known."""
    vectors = np.array([[1.0, 0], [1, 0], [0, 1], [0, 0]], np.float32)
    assert metrics.diversity(np.array([[0, 1]]), vectors) == pytest.approx(0)
    assert metrics.diversity(np.array([[0, 2]]), vectors) == pytest.approx(1)
    assert metrics.diversity(np.array([[0, 1, 2]]), vectors) == pytest.approx(2 / 3)
    assert metrics.diversity(np.array([[0, 2, 3], [0, 3, -1], [0, 1, -1]]), vectors) == pytest.approx(1 / 2)
    assert metrics.diversity(np.array([[0, 3]]), vectors) == 0


@given(st.lists(st.permutations(range(7)), min_size=1, max_size=5), st.integers(2, 7))
def test_diversity_is_the_mean_over_pairs_whatever_their_order(ranked: list[list[int]], length: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(7, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lists = np.array(ranked)[:, :length]
    pairs = [[1 - vectors[a] @ vectors[b] for a, b in itertools.combinations(row, 2)] for row in lists]
    assert metrics.diversity(lists, vectors) == pytest.approx(np.mean(pairs))
    assert metrics.diversity(lists[:, ::-1], vectors) == pytest.approx(np.mean(pairs))
