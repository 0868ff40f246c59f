"""Histories of users: the arrays that everything after extraction works on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chatrec.data.interactions import Queries
from tests.support.histories import histories, queries


@given(st.lists(st.lists(st.integers(0, 50), max_size=8), min_size=1, max_size=6), st.integers(1, 10))
def test_latest_is_the_reversed_end_of_a_history(of_users: list[list[int]], length: int) -> None:
    made = histories(of_users)
    found = made.latest(np.arange(len(of_users)), length)
    for row, items in zip(found, of_users, strict=True):
        expected = items[::-1][:length]
        assert row.tolist() == expected + [-1] * (length - len(expected))


def test_event_users_and_lengths() -> None:
    made = histories([[1, 2], [], [3]])
    assert made.lengths.tolist() == [2, 0, 1]
    assert made.event_users.tolist() == [0, 0, 2]
    assert made.of(2).tolist() == [3]


@given(st.lists(st.lists(st.integers(0, 50), max_size=8), min_size=1, max_size=6), st.integers(0, 9))
def test_only_some_events_stay(of_users: list[list[int]], seed: int) -> None:
    made = histories(of_users)
    kept = np.random.default_rng(seed).random(len(made.items)) < 0.5
    found = made.only(kept)
    assert found.users == made.users
    for user in range(made.users):
        mine = slice(made.starts[user], made.starts[user + 1])
        assert found.of(user).tolist() == made.items[mine][kept[mine]].tolist()
    assert np.array_equal(found.times, made.times[kept])


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=5), min_size=1, max_size=5), st.integers(1, 7))
def test_latest_queries_are_the_beginning(of_users: list[list[str]], length: int) -> None:
    made = queries(of_users)
    for user, row in enumerate(made.latest(np.arange(len(of_users)), length)):
        found = [made.texts[text] for text in row if text >= 0]
        assert found == made.of(user)[:length] == of_users[user][:length]
        assert len(row) == length


def test_nobody_searched() -> None:
    nothing = Queries.none(2)
    assert (nothing.users, nothing.of(1), nothing.latest(np.array([1, 0]), 2).tolist()) == (2, [], [[-1, -1]] * 2)
