"""The shape of generated shops: no row is lost, and PostgreSQL counts before a run what the run will find."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from chatrec.extract.data_shape import DataShape, advice, certainty, counts
from chatrec.extract.describe import check_mapping
from chatrec.extract.extraction import snapshot as read_only
from chatrec.extract.source_shape import read_shape
from tests.support.extracts import extractor
from tests.support.shop import SELECTS, Shop

UNTIMED = "SELECT customer AS user_id, film AS item_id, amount AS weight FROM views"
ID = st.one_of(st.none(), st.integers(0, 4))
USERS = st.lists(st.tuples(ID), max_size=6)
ITEMS = st.lists(st.tuples(ID, st.sampled_from(["Tea", "Bread", "", "  ", None])), max_size=8)
TIMES = [None, "infinity", "2026-02-01 10:00+00", "2026-02-01 23:30+00", "2026-02-03+00", "2999-01-01+00"]
WEIGHTS = [None, 1.0, 5.0, 0.0, -2.0, float("nan"), float("inf")]
EVENTS = st.lists(st.tuples(ID, ID, st.sampled_from(WEIGHTS), st.sampled_from(TIMES)), max_size=25)


@given(users=USERS, items=ITEMS, events=EVENTS, timed=st.booleans())
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_rows_read_are_valid_or_in_quarantine_and_check_counts_the_same(
    module_database: str, tmp_path_factory: Any, users: Any, items: Any, events: Any, timed: bool
) -> None:
    shop = Shop(module_database)
    shop.execute("DROP TABLE IF EXISTS customers, films, views")
    shop.create(views=False)
    shop.execute("TRUNCATE customers, films")
    for table, columns, rows in (
        ("customers", "no", users),
        ("films", "no, name", items),
        ("views", "customer, film, amount, at", events),
    ):
        for row in rows:
            shop.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(row))})", row)
    selects = SELECTS if timed else {**SELECTS, "interactions": UNTIMED}
    result, snapshot = extractor(shop, tmp_path_factory.mktemp("shop"))(target="random", **selects)
    assert result.rows_read == len(users) + len(items) + len(events)

    engine = create_engine(shop.url.replace("postgresql://", "postgresql+psycopg2://"))
    with read_only(engine) as cursor:
        shape, weights = read_shape(cursor, check_mapping(cursor, selects))
    engine.dispose()
    assert shape == DataShape.of(snapshot)
    assert shape.quarantine == result.quarantine
    assert shape.interactions == result.interactions
    assert (weights.look_like_amounts, result.weight_range) == (False, None)


def shape(**changes: Any) -> DataShape:
    usual = DataShape(
        users=1000, items=50, interactions=6000, days=90, users_with_events=900, users_with_one_event=100,
        users_with_one_order=200, repeats=300, quarantine={},
    )  # fmt: skip
    return DataShape(**{**vars(usual), **changes})


def test_enough_data_needs_no_advice() -> None:
    assert counts(shape()) == (
        "1,000 users, 50 items, 6,000 interactions on 90 days: 6.7 for each of 900 users with any, 100 with a single "
        "one, 5% repeats."
    )
    assert certainty(shape()) == (
        "800 users with two or more interactions can be held out (700 came back at another time)."
    )
    assert certainty(shape(days=0, users_with_one_order=0)).endswith("can be held out.")
    assert not list(advice(shape(), exclude_seen=True))


@pytest.mark.parametrize(
    ("changes", "exclude_seen", "words"),
    [
        ({"repeats": 1500}, True, "25% of the interactions repeat .* ranking.exclude_seen = false"),
        ({"users_with_one_order": 850}, True, "850 of 900 users .* bought together"),
        ({"days": 0, "users_with_one_order": 0}, True, "Without times .* ranking.target must be random"),
    ],
)
def test_the_setting_that_fits_is_named(changes: Any, exclude_seen: bool, words: str) -> None:
    (sentence,) = advice(shape(**changes), exclude_seen)
    assert re.search(words, sentence)


def test_repeats_that_are_listed_need_no_advice() -> None:
    assert not list(advice(shape(repeats=1500), exclude_seen=False))


def test_too_few_users_to_hold_out_are_said() -> None:
    assert "199 users" in certainty(shape(users_with_one_event=701))
    assert "too few to tell models apart, which takes 200" in certainty(shape(users_with_one_event=701))
