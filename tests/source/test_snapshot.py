"""Histories of users: the arrays that everything after extraction works on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chatrec.source.snapshot import Histories


def histories(of_users: list[list[int]]) -> Histories:
    items = np.array([item for one in of_users for item in one], np.int32)
    starts = np.concatenate([[0], np.cumsum([len(one) for one in of_users])]).astype(np.int64)
    return Histories(starts, items, np.ones(len(items), np.float32), np.arange(len(items)))


@given(
    st.lists(st.lists(st.integers(0, 50), max_size=8), min_size=1, max_size=6), st.integers(1, 10), st.integers(0, 3)
)
def test_latest_is_the_reversed_end_of_a_history(of_users: list[list[int]], length: int, skip: int) -> None:
    made = histories(of_users)
    found = made.latest(np.arange(len(of_users)), length, skip)
    for row, items in zip(found, of_users, strict=True):
        expected = items[: len(items) - skip][::-1][:length] if skip < len(items) else []
        assert row.tolist() == expected + [-1] * (length - len(expected))


def test_event_users_and_lengths() -> None:
    made = histories([[1, 2], [], [3]])
    assert made.lengths.tolist() == [2, 0, 1]
    assert made.event_users.tolist() == [0, 0, 2]
    assert made.of(2).tolist() == [3]
