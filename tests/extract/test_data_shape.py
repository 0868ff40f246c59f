"""The shape of generated shops: no row is lost, and PostgreSQL counts before a run what the run will find."""

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from chatrec.config.source import AdvancedText
from chatrec.extract.data_shape import DataShape, advice, certainty, counts
from chatrec.extract.describe import check_mapping
from chatrec.extract.extraction import snapshot as read_only
from chatrec.extract.source_shape import read_shape
from tests.support.extracts import extractor
from tests.support.shop import Shop

NO_ID, LONG, FUTURE = "{} is null", "{} is longer than 1,000 bytes", "occurred_at is in the future"
NUMBER_IDS = {None: NO_ID, **dict.fromkeys("012", "")}
TEXT_IDS = {None: NO_ID, "a": "", "A": "", "a ": "", "é" * 500: "", "é" * 500 + "x": LONG, "x" * 3000: LONG}
TITLES = {"Tea": "", "Bread": "", "": "title is missing", "  ": "title is missing", None: "title is missing"}
TIMES = {
    "2026-02-01 10:00+00": "",
    "2026-02-03 23:30+00": "",
    "0044-03-15 00:00+00 BC": "",
    "4714-11-24 00:00+00 BC": "",
    "9999-12-31 00:00+00": FUTURE,
    "275760-09-13 00:00+00": FUTURE,
    "294276-12-31 00:00+00": FUTURE,
    "infinity": "occurred_at is null or infinite",
    "-infinity": "occurred_at is null or infinite",
    None: "occurred_at is null or infinite",
}
DATES = {**TIMES, "5874897-12-31": FUTURE}
WEIGHTS = {
    None: "",
    "1": "",
    "1e-15": "",
    "1e15": "",
    "0": "weight is not positive",
    "-1e300": "weight is not positive",
    "1e-60": "weight is smaller than 1e-15",
    "3e38": "weight is larger than 1e+15",
    "1e300": "weight is larger than 1e+15",
    "NaN": "weight is not a finite number",
    "Infinity": "weight is not a finite number",
}
NUMERICS = {
    **WEIGHTS,
    "-1e400": "weight is not positive",
    "-1e-400": "weight is not positive",
    "1e-400": "weight is smaller than 1e-15",
    "1e400": "weight is larger than 1e+15",
}
"""Values with the reason for which a row is in quarantine, if it is."""
EMPTY_SHOP = (
    "CREATE TABLE customers (no text)",
    "CREATE TABLE films (no text, name text)",
    "CREATE TABLE views (customer text, film text, amount text, at text)",
    "CREATE TABLE searches (customer text, words text, at text)",
)


@pytest.fixture(scope="module")
def empty(module_database: str) -> Shop:
    """Tables of texts, which the SELECTs cast."""
    shop = Shop(module_database)
    for statement in EMPTY_SHOP:
        shop.execute(statement)
    return shop


@st.composite
def shops(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, list[Any]], Counter[str]]:
    """SELECTs, rows, and the expected quarantine."""
    ids, kind = draw(st.sampled_from([(NUMBER_IDS, "bigint"), (TEXT_IDS, "text")]))
    times, clock = draw(st.sampled_from([(TIMES, "timestamptz"), (TIMES, "timestamp"), (DATES, "date")]))
    weights, number = draw(st.sampled_from([(WEIGHTS, "float8"), (NUMERICS, "numeric")]))
    user, film, time = (st.sampled_from(list(values)) for values in (ids, ids, times))
    rows = {
        "customers": draw(st.lists(st.tuples(user), max_size=6)),
        "films": draw(st.lists(st.tuples(film, st.sampled_from(list(TITLES))), max_size=8)),
        "views": draw(st.lists(st.tuples(user, film, st.sampled_from(list(weights)), time), max_size=25)),
        "searches": draw(st.lists(st.tuples(user, st.just("tent"), time), max_size=8)),
    }
    timed = draw(st.booleans())
    selects = {
        "users": f"SELECT no::{kind} AS user_id FROM customers",
        "items": f"SELECT no::{kind} AS item_id, name AS title FROM films",
        "interactions": f"SELECT customer::{kind} AS user_id, film::{kind} AS item_id, amount::{number} AS weight"
        f"{f', at::{clock} AS occurred_at' if timed else ''} FROM views",
        "queries": f"SELECT customer::{kind} AS user_id, words AS query, at::{clock} AS occurred_at FROM searches",
    }
    return selects, rows, _expected(rows, ids, times if timed else {}, weights, times)


def _expected(
    rows: dict[str, list[Any]], ids: dict[Any, str], times: dict[Any, str], weights: dict[Any, str], clock: Any
) -> Counter[str]:
    users = [row[0] for row in rows["customers"] if not ids[row[0]]]
    titled = [row[0] for row in rows["films"] if not ids[row[0]] and not TITLES[row[1]]]
    named = [row[0] for row in rows["films"] if not ids[row[0]]]
    reasons = [f"users: {ids[row[0]].format('user_id')}" for row in rows["customers"]]
    reasons += [f"items: {ids[row[0]].format('item_id') or TITLES[row[1]]}" for row in rows["films"]]
    reasons += ["users: duplicate id"] * (len(users) - len(set(users)))
    reasons += ["items: duplicate id"] * (len(titled) - len(set(titled)))
    for user, film, weight, time in rows["views"]:
        of_user, of_film = ids[user].format("user_id"), ids[film].format("item_id")
        missing = "" if film in titled else "item without a title" if film in named else "unknown item"
        nulls = [reason for reason in (of_user, of_film) if reason.endswith("null")]
        unknown = "" if user in users else "unknown user"
        broken = [*nulls, times.get(time, ""), weights[weight], of_user, of_film, unknown, missing]
        reasons.append(f"interactions: {next(filter(None, broken), '')}")
    for user, _, time in rows["searches"]:
        of_user, unknown = ids[user].format("user_id"), "" if user in users else "unknown user"
        broken = [of_user if user is None else "", clock[time], of_user, unknown]
        reasons.append(f"queries: {next(filter(None, broken), '')}")
    return Counter(reason for reason in reasons if not reason.endswith(": "))


@given(made=shops())
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_rows_read_are_valid_or_in_quarantine_and_check_counts_the_same(
    empty: Shop, tmp_path_factory: Any, made: Any
) -> None:
    """Whatever PostgreSQL can hold: each row is valid, in quarantine with its reason, or a search over the limit."""
    selects, rows, expected = made
    empty.execute(f"TRUNCATE {', '.join(rows)}")
    for table, values in rows.items():
        empty.insert(table, values)
    text = AdvancedText(query_days=10_000_000)  # none is too old
    result, snapshot = extractor(empty, tmp_path_factory.mktemp("shop"))(target="random", text=text, **selects)
    assert (result.rows_read, result.queries_too_old) == (sum(map(len, rows.values())), 0)
    assert result.quarantine == expected

    engine = create_engine(empty.url.replace("postgresql://", "postgresql+psycopg2://"))
    with read_only(engine) as cursor:
        shape, weights = read_shape(cursor, check_mapping(cursor, selects))
    engine.dispose()
    counted = {reason: n for reason, n in expected.items() if not reason.startswith("queries")}
    assert shape == replace(DataShape.of(snapshot), quarantine=counted)
    assert shape.interactions == result.interactions
    assert weights.look_like_amounts == (result.weight_range is not None)


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
