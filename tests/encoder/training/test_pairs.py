"""Pairs: of one user, near each other, drawn with the chances that are subtracted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.encoder.training.pairs import NEAR, Pairs
from tests.support.histories import histories

ITEMS = 9
of_users = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=20), min_size=1, max_size=6)


@given(of_users, st.integers(0, 5))
def test_a_pair_is_of_one_user_and_near(users: list[list[int]], seed: int) -> None:
    pairs = Pairs(histories(users), ITEMS)
    assert pairs.users.tolist() == [user for user, items in enumerate(users) if len(set(items)) >= 2]
    if not len(pairs.users):
        return
    batch = pairs.draw(20, np.random.default_rng(seed))
    assert 1 <= len(batch.users) == len(batch.left) == len(batch.right) <= 20
    for user, left, right in zip(batch.users, batch.left, batch.right, strict=True):
        places = {item: [place for place, each in enumerate(users[user]) if each == item] for item in (left, right)}
        assert left != right
        assert any(abs(one - two) <= NEAR for one in places[left] for two in places[right])


@given(of_users)
def test_chances_sum_to_one(users: list[list[int]]) -> None:
    pairs = Pairs(histories(users), ITEMS)
    if len(pairs.users):
        assert np.exp(pairs.log_chances).sum() == pytest.approx(1, abs=1e-5)


def test_items_are_drawn_as_often_as_is_said() -> None:
    pairs = Pairs(histories([[0, 1, 2, 3, 4, 5, 6, 7], [0, 8], [8, 1, 2]]), ITEMS)
    drawn = pairs.draw(60_000, np.random.default_rng(0))
    shares = np.bincount(drawn.right, minlength=ITEMS) / len(drawn.right)
    assert shares == pytest.approx(np.exp(pairs.log_chances), abs=0.005)


def test_every_event_nearby_is_as_likely() -> None:
    pairs = Pairs(histories([list(range(9))]), ITEMS)
    found = pairs.beside(np.full(60_000, 7), np.random.default_rng(0))
    shares = np.bincount(found.left, minlength=ITEMS) / len(found.left)
    assert shares == pytest.approx([0, 0, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 0, 1 / 6], abs=0.01)
