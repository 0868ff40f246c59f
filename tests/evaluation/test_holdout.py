"""What is held out: for each target the right events, and none of them left to see."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.data.arrays import top_k
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.evaluation import holdout as module
from chatrec.evaluation.holdout import ENOUGH_USERS, MOST_WINDOWS, Holdout, hold_out, windows
from tests.support.histories import histories

ITEMS = 12
of_users = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), min_size=1, max_size=8)


def held(users: list[list[int]], target: str, exclude_seen: bool = True) -> tuple[Interactions, Holdout]:
    made = histories(users)
    recommendable = np.arange(ITEMS) != 3
    return made, hold_out(made, recommendable, exclude_seen, target, 0)  # type: ignore[arg-type]


def targets_of(found: Holdout) -> dict[int, list[int]]:
    return {int(u): found.targets[found.starts[n] : found.starts[n + 1]].tolist() for n, u in enumerate(found.users)}


@given(of_users, st.sampled_from(["next_item", "next_period", "random"]), st.booleans())
def test_targets_were_taken_and_are_gone(users: list[list[int]], target: str, exclude_seen: bool) -> None:
    made, found = held(users, target, exclude_seen)
    assert len(made.items) - len(found.histories.items) >= len(found.targets)
    for user, targets in targets_of(found).items():
        left = found.histories.of(user).tolist()
        assert left
        assert len(set(targets)) == len(targets) > 0
        assert 3 not in targets
        taken = made.of(user).tolist()
        for item in left:
            taken.remove(item)
        assert set(targets) <= set(taken)
        assert not exclude_seen or not set(targets) & set(left)


def test_next_is_the_last_event() -> None:
    _, found = held([[0, 1, 2], [5], [4, 4], [], [7, 8]], "next_item")
    assert targets_of(found) == {0: [2], 4: [8]}
    assert found.histories.of(0).tolist() == [0, 1]
    assert found.histories.of(1).tolist() == [5]


def test_period_is_what_comes_late() -> None:
    """Times are the places in the whole log."""
    _, found = held([[0, 1, 2, 4, 5, 6, 7, 8], [1, 2]], "next_period")
    assert found.histories.times.max() == 7
    assert targets_of(found) == {}  # the second user has nothing left
    late = Interactions(
        np.array([0, 6, 10]), np.arange(10, dtype=np.int32), np.ones(10, np.float32), np.tile(range(5), 2)
    )
    found = hold_out(late, np.ones(ITEMS, bool), True, "next_period", 0)
    assert targets_of(found) == {0: [4], 1: [9]}


def test_without_a_spread_of_times_the_last_events_are_taken() -> None:
    made = histories([[0, 1, 2], [4, 5]])
    at_once = Interactions(made.starts, made.items, made.weights, np.zeros(5, np.int64))
    found = hold_out(at_once, np.ones(ITEMS, bool), True, "next_period", 0)
    assert targets_of(found) == {0: [2], 1: [5]}


def test_there_are_not_more_users_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "USERS_AT_LEAST", 3)
    _, found = held([[0, 1]] * 9, "next_item")
    assert len(found) == 3


@given(of_users)
def test_a_score_that_knows_the_targets_is_perfect_where_somebody_took_them(users: list[list[int]]) -> None:
    """Lists hold no items without events, as long as any item has some."""
    _, found = held(users, "random")
    wanted = targets_of(found)

    def know(batch: UserBatch) -> np.ndarray:
        return np.array([[item in wanted[int(user)] for item in range(ITEMS)] for user in batch.users], float)

    reachable = np.array([found.listable[targets].all() for targets in wanted.values()], bool)
    assert ((found.ndcg(know) == 1) == reachable).all()
    assert not (~found.listable & found.recommendable)[found.histories.items].any()
    assert len(found.ndcg(know)) == len(found)


@given(st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), min_size=1, max_size=4), st.integers(1, 6))
def test_the_best_are_those_of_a_stable_sort(scores: list[list[int]], k: int) -> None:
    values = np.array(scores, float)
    found = top_k(values, k)
    for row, places in zip(values, found, strict=True):
        assert row[places].tolist() == sorted(row, reverse=True)[:k]
        assert all(a < b for a, b in itertools.pairwise(places) if row[a] == row[b])


@given(of_users, st.sampled_from(["next_item", "next_period", "random"]))
def test_windows_hold_out_until_enough_are_measured(users: list[list[int]], target: str) -> None:
    made = histories(users)
    found = windows(made, np.ones(ITEMS, bool), True, target, 0)  # type: ignore[arg-type]
    assert len(found) <= MOST_WINDOWS
    assert all(len(window) for window in found)
    sizes = [len(window.histories.items) for window in found]
    assert sizes == sorted(sizes, reverse=True)
    if found:
        first = hold_out(made, np.ones(ITEMS, bool), True, target, 0)  # type: ignore[arg-type]
        assert targets_of(found[0]) == targets_of(first)


def test_many_users_are_held_out_once() -> None:
    many = histories([[user % 9, (user + 1) % 9, (user + 3) % 9] for user in range(ENOUGH_USERS)])
    assert len(windows(many, np.ones(ITEMS, bool), True, "next_item", 0)) == 1
