"""Lists under rules: whatever the histories, caps hold, factors multiply, pins stand, and lists stay full."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from chatrec.data.arrays import unit
from chatrec.data.interactions import Queries
from chatrec.ensemble.cold_items import ColdItems
from chatrec.models.content_knn import ContentKnn
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.recommender import Recommender
from chatrec.ranking.rule_ablation import effects
from chatrec.ranking.rules.rules import Cap, Pin, Returns, Rules
from chatrec.ranking.searches import Searches
from chatrec.runs.results import RuleEffect
from tests.support.rankers import ITEMS, TOP_N, WIDTH, log_shares, ranker

EVERYTHING = np.ones(ITEMS, bool)
OF_USERS = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), min_size=1, max_size=5)
CODES = st.lists(st.integers(-1, 5), min_size=ITEMS, max_size=ITEMS)


def codes(values: list[int]) -> np.ndarray:
    return np.array([*values, -1], np.int32)[:, None]


def kinds(of_users: list[list[int]]) -> Recommender:
    """Items that nobody took are new and ranked by texts; the first user without a history searched for item 3."""
    made = ranker(of_users, EVERYTHING)
    made.aigc.state.profile[:] = 0.1
    text = ContentKnn(unit(np.random.default_rng(5).normal(size=(ITEMS, WIDTH)).astype(np.float32)))
    strangers = [user for user, items in enumerate(of_users) if not items]
    asked = np.arange(len(of_users)) == (strangers[0] if strangers else -1)
    starts = np.concatenate([[0], np.cumsum(asked)]).astype(np.int64)
    queries = Queries(starts, ["x"], np.zeros(asked.sum(), np.int32), np.zeros(asked.sum(), np.int64))
    searches = Searches(queries, csr_matrix(([1.0], ([0], [3])), shape=(1, ITEMS), dtype=np.float32), 1.0, 7.0, 0)
    ensemble = replace(made.ensemble, cold=ColdItems(0.3, {"content_knn": 1.5}, {"content_knn": text}))
    return replace(made, ensemble=ensemble, searches=searches, cold_items_min_share=0.2, arrived_lately=EVERYTHING)


def lists(made: Recommender, of_users: list[list[int]]) -> dict[int, list[int]]:
    """Of everybody, every kind of list."""
    profiles = (np.arange(len(of_users)) % 2)[:, None].astype(np.float32)
    parts = list(ListBuilder(made, profiles, 1 << 24).lists(np.arange(len(of_users))))
    assert all(np.isfinite(part.scores).all() for part in parts)
    return {
        int(user): [int(item) for item in row if item >= 0]
        for part in parts
        for user, row in zip(part.users, part.items, strict=True)
    }


@given(OF_USERS, CODES, st.integers(1, 2), st.sets(st.integers(0, ITEMS - 1), max_size=8))
@settings(max_examples=40)
def test_caps_hold_denied_items_stay_away_and_lists_are_as_full_as_can_be(
    of_users: list[list[int]], values: list[int], at_most: int, denied: set[int]
) -> None:
    rules, allowed = Rules(caps=(Cap(codes(values), at_most),)), ~np.isin(np.arange(ITEMS), list(denied))
    for user, items in lists(kinds(of_users).under(rules, allowed), of_users).items():
        free = [item for item in range(ITEMS) if allowed[item] and item not in of_users[user]]
        room = sum(min(sum(values[item] == value for item in free), at_most) for value in range(6))
        assert len(items) == len(set(items)) == min(TOP_N, room + sum(values[item] < 0 for item in free))
        assert set(items) <= set(free)
        for value in range(6):
            assert sum(values[item] == value for item in items) <= at_most


@given(OF_USERS, st.integers(0, ITEMS - 1), st.integers(0, TOP_N - 1))
@settings(max_examples=40)
def test_a_pin_is_in_every_list_of_those_who_may_have_it(of_users: list[list[int]], item: int, place: int) -> None:
    made = kinds(of_users)
    free, pinned = lists(made, of_users), lists(made.under(Rules(pins=(Pin(item, place),)), EVERYTHING), of_users)
    for user, items in pinned.items():
        if item in of_users[user]:
            assert items == free[user]
        else:
            assert items[place] == item
            assert len(items) == len(free[user])


def test_a_factor_multiplies_the_score() -> None:
    """Against brute force; the order and the scores are those of probability times factor."""
    of_users = [[1, 5, 9, 13], [20]]
    random = np.random.default_rng(3)
    factors = random.normal(size=ITEMS).astype(np.float32)
    made = ranker(of_users, EVERYTHING).under(Rules(log_factors=factors), EVERYTHING)
    found = made.lists(np.arange(2))
    for row, history in enumerate(of_users):
        allowed = [item for item in range(ITEMS) if item not in history]
        total = sum(weight * log_shares(made, row, allowed)[name] for name, weight in made.ensemble.weights.items())
        raised = np.exp(total - np.log(np.exp(total).sum()) + factors[allowed])
        best = np.argsort(-raised)[:TOP_N]
        assert found.items[row].tolist() == [allowed[place] for place in best]
        assert found.scores[row] == pytest.approx(raised[best], rel=1e-3)


def test_factors_move_lists_without_a_history_too() -> None:
    of_users: list[list[int]] = [[], [], [], [1, 2]]
    raised = np.where(np.arange(ITEMS) == 17, 60, 0).astype(np.float32)
    before = lists(kinds(of_users), of_users)
    after = lists(kinds(of_users).under(Rules(log_factors=raised), EVERYTHING), of_users)
    assert all(items[0] != 17 for items in before.values())
    assert all(items[0] == 17 for items in after.values())


def test_what_was_taken_comes_again_where_it_may() -> None:
    of_users = [[1, 5, 9], [20]]
    made = ranker(of_users, np.isin(np.arange(ITEMS), [1, 5, 9, 20]))
    again = made.under(
        Rules(repeat=True, returns=Returns(np.arange(ITEMS) != 5, made.histories.times.max())), made.recommendable
    )
    found = again.lists(np.arange(2)).items
    assert sorted(item for item in found[0] if item >= 0) == [1, 9, 20]
    assert sorted(item for item in found[1] if item >= 0) == [1, 5, 9, 20]
    never = made.under(Rules(repeat=True, returns=Returns(EVERYTHING, -1)), made.recommendable)
    assert (never.lists(np.arange(2)).items == made.lists(np.arange(2)).items).all()


def test_an_effect_is_what_lists_would_be_without_the_rule() -> None:
    of_users = [[1, 5, 9, 13], [], [20]]
    made = kinds(of_users)
    favourite = lists(made, of_users)[0][0]
    denied = made.under(Rules(), np.arange(ITEMS) != favourite)
    profiles = np.zeros((3, 1), np.float32)
    users, found = effects(denied, {"no favourite": lambda: made, "nothing": lambda: denied}, profiles, 16)
    assert users == 3
    assert found["nothing"] == RuleEffect(0, 0, 0)
    shown = sum(favourite in items for items in lists(made, of_users).values())
    assert found["no favourite"].removed >= shown > 0
    assert found["no favourite"].added == found["no favourite"].removed


def test_rules_that_say_nothing_change_nothing() -> None:
    of_users = [[1, 5, 9, 13], [20], [3, 3, 7, 2, 8, 11]]
    made = kinds(of_users)
    before, after = made.lists(np.arange(3)), made.under(Rules(), EVERYTHING).lists(np.arange(3))
    for name in ("items", "scores", "group", "because", "shares"):
        assert np.array_equal(getattr(before, name), getattr(after, name))


def test_a_value_that_has_all_good_candidates_does_not_keep_a_list_short() -> None:
    made = replace(ranker([[1, 5, 9, 13]], EVERYTHING), top_n=ITEMS)
    order = [int(item) for item in made.lists(np.arange(1)).items[0] if item >= 0]
    values = [0 if item in order[:15] else item + 1 for item in range(ITEMS)]
    capped = replace(made, top_n=2).under(Rules(caps=(Cap(codes(values), 1),)), EVERYTHING)
    assert capped.considered < 15
    assert capped.lists(np.arange(1)).items[0].tolist() == [order[0], order[15]]
