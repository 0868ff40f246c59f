"""Items without events: new ones compete for places, all others are a last resort."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from chatrec.config import Settings
from chatrec.data.arrays import unit
from chatrec.data.interactions import DAY, Queries
from chatrec.data.new_items import FROM_THE_START, new_items
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.cold_items import ColdItems
from chatrec.models.content_knn import ContentKnn
from chatrec.ranking.diversity import Relevance
from chatrec.ranking.explanation import explain
from chatrec.ranking.fallback import Shown, popular_lists
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.recommender import Recommender
from chatrec.ranking.rules.rules import Cap, Pin, Rules
from chatrec.ranking.searches import Searches
from tests.support.finished import complete, migrate
from tests.support.histories import histories
from tests.support.rankers import ITEMS, TOP_N, WIDTH, ranker
from tests.support.shop import SELECTS, Shop

NEW, DEAD = np.arange(18, 20), np.arange(20, ITEMS)
"""Of a catalogue whose items up to 17 have events."""


def test_an_item_is_new_for_some_days_and_without_events() -> None:
    newest = 100 * DAY
    arrived_at = np.array([newest - 10 * DAY, newest - 11 * DAY, newest + DAY, FROM_THE_START, newest])
    assert new_items(arrived_at, histories([[4]]), newest, 10).tolist() == [True, False, True, False, False]
    assert not new_items(np.full(3, FROM_THE_START), histories([[]]), 0, 36_500).any()


def made(of_users: list[list[int]], top_n: int = TOP_N, share: float = 0.3) -> Recommender:
    """NEW arrived lately; some people may have no history, and the first of these searches for a dead item."""
    usual = ranker(of_users, np.ones(ITEMS, bool))
    usual.aigc.state.profile[:] = 0.1
    text = ContentKnn(unit(np.random.default_rng(5).random((ITEMS, WIDTH)).astype(np.float32)))
    strangers = [user for user, items in enumerate(of_users) if not items]
    asked = np.arange(len(of_users)) == (strangers[0] if strangers else -1)
    starts = np.concatenate([[0], np.cumsum(asked)]).astype(np.int64)
    queries = Queries(starts, ["x"], np.zeros(asked.sum(), np.int32), np.zeros(asked.sum(), np.int64))
    searches = Searches(queries, csr_matrix(([1.0], ([0], [22])), shape=(1, ITEMS), dtype=np.float32), 1.0, 7.0, 0)
    ensemble = replace(usual.ensemble, cold=ColdItems(share, {"content_knn": 1.5}, {"content_knn": text}))
    lately = np.isin(np.arange(ITEMS), NEW)
    return replace(usual, ensemble=ensemble, searches=searches, arrived_lately=lately, top_n=top_n)


def lists(made: Recommender) -> dict[int, list[int]]:
    """Every kind of list."""
    users = made.histories.users
    profiles = (np.arange(users) % 2)[:, None].astype(np.float32)
    parts = list(ListBuilder(made, profiles, 1 << 24).lists(np.arange(users)))
    assert all((part.scores >= 0).all() for part in parts)
    return {
        int(user): [int(item) for item in row if item >= 0]
        for part in parts
        for user, row in zip(part.users, part.items, strict=True)
    }


KNOWN = list(range(18))
OF_USERS = st.lists(st.lists(st.integers(0, 17), max_size=18), min_size=1, max_size=5)


@given(OF_USERS, st.integers(1, ITEMS), st.floats(0, 1), st.booleans())
@settings(max_examples=60)
def test_dead_stock_comes_last_and_only_where_nothing_else_is_left(
    of_users: list[list[int]], top_n: int, least: float, diverse: bool
) -> None:
    of_users = [KNOWN, *of_users, []]
    usual = replace(made(of_users, top_n), cold_items_min_share=least)
    if diverse:
        vectors = np.random.default_rng(0).normal(size=(ITEMS, WIDTH)).astype(np.float32)
        usual = usual.under(Rules(), usual.recommendable, diversifier=Relevance(unit(vectors), 5.0))
    for user, items in lists(usual).items():
        left = [item for item in range(ITEMS) if item not in of_users[user]]
        live = [item for item in left if item not in DEAD]
        assert len(items) == len(set(items)) == min(top_n, len(left))
        assert set(items[: len(live)]) <= set(live)


def test_dead_stock_is_ordered_by_its_texts() -> None:
    usual = made([KNOWN], ITEMS)
    found = lists(usual)[0]
    batch = UserBatch(usual.histories, np.arange(1), usual.recommendable, True)
    scores = usual.ensemble.cold.models["content_knn"].score(batch)[0]
    assert sorted(found[:2]) == NEW.tolist()
    assert found[2:] == DEAD[np.argsort(-scores[DEAD], kind="stable")].tolist()
    shares = usual.lists(np.arange(1)).shares
    assert shares is not None
    assert (shares[0].sum(1) > 0.999).all()
    assert explain(usual, 0, found[-2])[0].source in ("content_knn", "search")


def test_without_evidence_new_items_take_the_last_of_their_places() -> None:
    usual = replace(made([[0, 1, 2], KNOWN], share=1e-6), cold_items_min_share=0.4)
    found = lists(usual)[0]
    assert set(found[-2:]) == set(NEW.tolist())
    assert not set(found[:-2]) & {*NEW.tolist(), *DEAD.tolist()}


def test_caps_leave_places_to_dead_stock() -> None:
    codes = np.append(np.where(np.isin(np.arange(ITEMS), DEAD), np.arange(ITEMS), 0), -1).astype(np.int32)[:, None]
    usual = made([[0, 1], KNOWN])
    for items in lists(usual.under(Rules(caps=(Cap(codes, 1),)), usual.recommendable)).values():
        assert sum(item in DEAD for item in items) == TOP_N - 1
        assert items[0] not in DEAD


def test_a_pin_may_be_dead_stock() -> None:
    usual = made([[0, 1], KNOWN, [], []])
    for items in lists(usual.under(Rules(pins=(Pin(23, 1),)), usual.recommendable)).values():
        assert items[1] == 23
        assert len(items) == TOP_N


def test_popular_lists_have_items_with_events_first() -> None:
    popular = np.array([0.1, 0, 0, 9])
    new, dead = np.array([False, True, False, False]), np.array([False, False, True, False])
    shown = Shown(np.ones(4, bool), 4, new=new, dead=dead)
    assert popular_lists(np.array([0]), popular, shown).items.tolist() == [[3, 0, 1, 2]]
    raised = replace(shown, rules=Rules(log_factors=np.array([0, 9, 20, 0], np.float32)))
    assert popular_lists(np.array([0]), popular, raised).items.tolist() == [[1, 3, 0, 2]]


LOST = "INSERT INTO films (no, name, plot, kinds, in_stock) SELECT 200 + n, 'Lost ' || n, 'lost', "
CREATED = SELECTS["items"].replace(", changed_at AS updated_at", ", changed_at AS created_at")


@pytest.fixture
def small(shop: Shop, configure: Callable[..., Settings]) -> Callable[..., Settings]:
    def settings(**changes: Any) -> Settings:
        made = configure(**changes)
        migrate(made)
        return made

    return settings


def test_a_run_lists_what_is_new_and_nothing_that_nobody_took(shop: Shop, small: Callable[..., Settings]) -> None:
    """Fifteen films that were there from the start, and two that a later run sees."""
    shop.execute(f"{LOST} ARRAY['Space'], true FROM generate_series(1, 15) AS n")
    wanted = small(diversity__coverage=0.9, ranking__cold_items_min_share=0.2)
    complete(wanted)
    assert {item for _, _, item, *_ in shop.lists()}.isdisjoint(range(200, 216))
    shop.execute("INSERT INTO films (no, name, plot, kinds, in_stock) VALUES (300, 'Star One', 'star', ARRAY['Space'], "
                 "true), (301, 'Bread Two', 'bread', ARRAY['Kitchen'], true)")  # fmt: skip
    complete(wanted)
    listed = [(user, rank, item) for user, rank, item, *_ in shop.lists()]
    assert {item for *_, item in listed}.isdisjoint(range(200, 216))
    assert {item for *_, item in listed} >= {300, 301}
    assert min(rank for _, rank, item in listed if item in (300, 301)) == 5
    assert sum(item in (300, 301) for *_, item in listed) == 39
