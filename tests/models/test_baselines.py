"""Baselines by hand: popularity counts people, and own habits, groups and pairs are what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from chatrec.data.interactions import DAY, Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.features.catalogue import Features, Kind
from chatrec.models import ease, item_knn, personal_frequency, popularity, popularity_in_groups
from chatrec.models.ease import _inverse_by_items, _inverse_by_users
from chatrec.models.training_data import TrainingData
from tests.support.histories import histories

ITEMS, NOW = 6, 20_000 * DAY
lists_of_items = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=7), min_size=1, max_size=5)


def data(of_users: list[list[tuple[int, float, float]]], features: Features | None = None) -> TrainingData:
    """Events as item, days ago and weight, the oldest first."""
    starts = np.cumsum([0, *map(len, of_users)])
    items, days, weights = np.array([event for one in of_users for event in one]).T
    log = Interactions(starts, items.astype(np.int32), weights.astype(np.float32), NOW - (days * DAY).astype(np.int64))
    return TrainingData(log, ITEMS, features=features or Features())


def scores(known: TrainingData, model: object) -> np.ndarray:
    everybody = np.arange(known.histories.users)
    batch = UserBatch(known.histories, everybody, np.ones(ITEMS, bool), False)
    return model.score(batch)  # type: ignore[attr-defined,no-any-return]


def test_popularity_counts_a_user_once_by_the_largest_weight_and_the_newest_time() -> None:
    known = data([[(0, 9, 1), (0, 5, 3), (0, 0, 1)], [(0, 10, 2), (1, 10, 1)]])
    assert popularity.fit(known).weights.tolist() == [5, 1, 0, 0, 0, 0]
    recent = popularity.fit(known, popularity.Config(half_life=0.5)).weights  # the span is 10 days
    assert recent.tolist() == pytest.approx([3 * 1 + 2 * 0.25, 0.25, 0, 0, 0, 0])


def test_own_habits_count_days_and_the_rest_follows_by_popularity() -> None:
    known = data([[(2, 90, 1), (2, 90, 1), (3, 0, 1)], [(1, 5, 1), (1, 4, 1)], [(1, 0, 1)]])
    found = scores(known, personal_frequency.fit(known))
    rest = personal_frequency.REST
    assert found[0].tolist() == pytest.approx([0, rest, 0.5 + rest / 2, 1 + rest / 2, 0, 0])
    assert found[1, 1] == pytest.approx(0.5 ** (5 / 90) + 0.5 ** (4 / 90) + rest)


def test_groups_share_a_user_by_history() -> None:
    """Items 0 to 2 are of group 0, items 3 to 5 of group 1; a user with two of three events in group 0."""
    member = csr_matrix(np.repeat(np.eye(2), 3, axis=0).astype(np.float32))
    kinds = Features((Kind("groups", member, 2.0),))
    known = data([[(0, 3, 1), (1, 2, 1), (3, 1, 1)], [(1, 3, 1)], [(4, 3, 1), (1, 2, 1)]], kinds)
    found = scores(known, popularity_in_groups.fit(known))
    users, smooth = np.array([1, 3, 0, 1, 1, 0]), popularity.SMOOTHING
    within = (users + smooth) / np.repeat([(users[:3] + smooth).sum(), (users[3:] + smooth).sum()], 3)
    expected = 0.9 * within * np.repeat([2 / 3, 1 / 3], 3) + 0.1 * users / users.sum()
    assert found[0].tolist() == pytest.approx(expected.tolist())


@given(lists_of_items)
def test_item_knn_sums_cosines_of_pairs(of_users: list[list[int]]) -> None:
    known = TrainingData(histories([*of_users, [0, 1]]), ITEMS)
    taken = np.array([[item in one for item in range(ITEMS)] for one in [*of_users, [0, 1]]], float)
    lengths = np.maximum(np.linalg.norm(taken, axis=0), 1e-9)
    cosines = taken.T @ taken / np.outer(lengths, lengths)
    np.fill_diagonal(cosines, 0)
    model = item_knn.fit(known)
    assert np.allclose(scores(known, model), taken @ cosines, atol=1e-5)
    assert item_knn.pairs(known) == sum(len(one) ** 2 for one in [*of_users, [0, 1]])


@given(lists_of_items, st.floats(1, 1000), st.floats(0, 0.9))
@settings(max_examples=50)
def test_ease_is_the_same_by_users_and_by_items(of_users: list[list[int]], l2: float, dropout: float) -> None:
    matrix = TrainingData(histories([*of_users, [0, 1]]), ITEMS).matrix
    squares = np.asarray(matrix.sum(0), np.float32).ravel()
    added = (l2 + dropout * squares).astype(np.float32)
    assert np.allclose(_inverse_by_users(matrix, added), _inverse_by_items(matrix, added), atol=1e-5)
    assert ease.compares_penalties(TrainingData(histories(of_users), ITEMS))
