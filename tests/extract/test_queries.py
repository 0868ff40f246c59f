"""Search words from a real PostgreSQL: the newest few of each user, and every row is accounted for."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatrec.config.source import AdvancedText
from chatrec.extract.queries import normalised
from chatrec.extract.snapshot import Snapshot
from tests.support.databases import new_database
from tests.support.extracts import QUERIES, SEARCHES, Extract, extractor
from tests.support.shop import Shop

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
"""After all events of the shop."""


def at(days: float) -> str:
    return (FIRST + timedelta(days=days)).isoformat()


def search(shop: Shop, *rows: tuple[Any, ...]) -> None:
    shop.insert("searches", list(rows))


def key(text: str) -> str:
    made: str = pl.select(normalised(pl.lit(text))).item()
    return made


@pytest.fixture
def take(shop: Shop, tmp_path: Path) -> Extract:
    """Extracts the shop, which has a table of searches."""
    shop.execute(SEARCHES)
    return extractor(shop, tmp_path)


def test_queries_of_a_user_are_the_newest_first(shop: Shop, take: Extract) -> None:
    search(shop, (3, "tent", at(0)), (3, "Running  Shoes", at(2)), (0, "运动鞋", at(1)), (0, "running shoes", at(0)))
    result, snapshot = take(queries=QUERIES)
    assert (result.queries, result.quarantined) == (4, 0)
    found = snapshot.queries
    assert found.users == 40
    assert found.of(0) == ["运动鞋", "running shoes"]
    assert found.of(3) == ["running shoes", "tent"]
    assert found.of(1) == []
    assert found.texts == ["running shoes", "tent", "运动鞋"]
    assert found.rows.tolist() == [2, 0, 0, 1]
    assert [datetime.fromtimestamp(time / 1e6, UTC).isoformat() for time in found.times[:2]] == [at(1), at(0)]
    columns = {"user": pl.Int32, "query": pl.String, "occurred_at": pl.Int64}
    assert pl.read_parquet_schema(snapshot.folder / "queries.parquet") == columns


def test_queries_of_the_same_moment_are_in_the_order_of_their_bytes(shop: Shop, take: Extract) -> None:
    search(shop, *((5, words, at(0)) for words in ("运动鞋", "b", "a", "C")))
    assert take(queries=QUERIES)[1].queries.of(5) == ["c", "a", "b", "运动鞋"]


def test_only_the_newest_are_kept(shop: Shop, take: Extract) -> None:
    search(shop, *((user, f"query {n}", at(n)) for user in (5, 6) for n in range(7)))
    result, snapshot = take(queries=QUERIES, text=AdvancedText(queries=3))
    assert snapshot.queries.of(5) == snapshot.queries.of(6) == ["query 6", "query 5", "query 4"]
    assert (result.queries, result.queries_over_limit) == (6, 8)


def test_days_are_counted_from_the_newest_query(shop: Shop, take: Extract) -> None:
    search(shop, (5, "old", at(0)), (5, "just in time", at(10)), (6, "newest", at(17)))
    result, snapshot = take(queries=QUERIES, text=AdvancedText(query_days=7))
    assert snapshot.queries.of(5) == ["just in time"]
    assert (result.queries, result.queries_too_old) == (2, 1)


def test_days_are_counted_from_the_newest_event_if_searches_ended(shop: Shop, take: Extract) -> None:
    search(shop, (5, "long ago", at(0)))
    shop.execute("INSERT INTO views VALUES (1, 1, 'view', 1, %s)", (at(40),))
    result, _ = take(queries=QUERIES)
    assert (result.queries, result.queries_too_old) == (0, 1)


def test_a_wrong_clock_does_not_make_all_others_old(shop: Shop, take: Extract) -> None:
    search(shop, (5, "tent", at(0)), (6, "of tomorrow", "2999-01-01+00"))
    result, snapshot = take(queries=QUERIES)
    assert snapshot.queries.of(5) == ["tent"]
    assert result.quarantine == {"queries: occurred_at is in the future": 1}


BAD_QUERIES = {
    "user_id is null": (None, "tent", at(0)),
    "unknown user": (777, "tent", at(0)),
    "query is null": (1, None, at(0)),
    "query is empty": (1, " \n\u3000", at(0)),
    "occurred_at is null or infinite": (1, "tent", "-infinity"),
    "occurred_at is in the future": (1, "tent", "2999-01-01+00"),
}


@pytest.mark.parametrize(("reason", "row"), BAD_QUERIES.items(), ids=BAD_QUERIES)
def test_a_bad_query_goes_to_the_quarantine(shop: Shop, take: Extract, reason: str, row: tuple[Any, ...]) -> None:
    search(shop, row, (1, "good", at(0)))
    result, snapshot = take(queries=QUERIES)
    assert result.quarantine == {f"queries: {reason}": 1}
    assert snapshot.queries.of(1) == ["good"]
    assert snapshot.quarantined()["relation"].to_list() == ["queries"]
    assert '"query"' in snapshot.quarantined()["row_data"][0]


def test_bytes_that_are_no_utf8_are_kept_out(server: str, tmp_path: Path) -> None:
    database = new_database(server, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    shop = Shop(next(database))
    shop.create()
    shop.execute(SEARCHES)
    shop.execute(rf"INSERT INTO searches VALUES (1, E'caf\xE9', '{at(0)}'), (1, '运动鞋', '{at(0)}')")
    result, snapshot = extractor(shop, tmp_path)(queries=QUERIES)
    assert result.quarantine == {"queries: not UTF-8": 1}
    assert snapshot.queries.of(1) == ["运动鞋"]
    database.close()


@pytest.mark.parametrize(
    "choice",
    [{}, {"queries": "  "}, {"queries": QUERIES, "text": AdvancedText(queries=0)}],
    ids=["not mapped", "empty", "turned off"],
)
def test_without_queries_there_is_no_file(shop: Shop, take: Extract, choice: dict[str, Any]) -> None:
    search(shop, (1, "tent", at(0)))
    result, snapshot = take(**choice)
    assert result.queries == 0
    assert not (snapshot.folder / "queries.parquet").exists()
    assert (snapshot.queries.users, snapshot.queries.texts, snapshot.queries.of(1)) == (40, [], [])


def test_an_empty_log_makes_no_queries(take: Extract) -> None:
    result, snapshot = take(queries=QUERIES)
    assert (result.queries, snapshot.queries.lengths.tolist()) == (0, [0] * 40)


def test_ids_and_words_may_be_of_other_types(shop: Shop, take: Extract) -> None:
    search(shop, *((user, "tent", at(0)) for user in range(12)))
    _, snapshot = take(
        users="SELECT 'n°' || no AS user_id FROM customers",
        interactions="SELECT 'n°' || customer AS user_id, film AS item_id, at AS occurred_at FROM views",
        queries="SELECT ('n°' || customer)::varchar AS user_id, words::char(9) AS query, at::date AS occurred_at "
        "FROM searches",
    )
    searched = snapshot.users["user_id"].to_numpy()[snapshot.queries.lengths > 0].tolist()
    assert searched == sorted(f"n°{user}" for user in range(12))
    assert snapshot.queries.texts == ["tent"]


def test_blocks_do_not_matter(shop: Shop, take: Extract) -> None:
    """With no memory at all every row is a block of its own."""
    search(shop, *((user, f"query {n}", at(n % 3)) for n in range(9) for user in (7, 5, 777, 6)))
    files = []
    for memory_mb in (0, 64):
        result, snapshot = take(queries=QUERIES, memory_mb=memory_mb)
        assert (result.queries, result.queries_over_limit, result.quarantined) == (15, 12, 9)
        files.append([(snapshot.folder / f"{name}.parquet").read_bytes() for name in ("queries", "quarantine")])
    assert files[0] == files[1]


MOMENTS = st.one_of(st.floats(0, 60).map(at), st.integers(0, 2).map(at), st.sampled_from([None, "infinity", at(9999)]))
WORDS = st.one_of(
    st.sampled_from([None, "", " ", "tent", "Tent", "运动鞋", "running shoes", 'a,"b"\n\\N']),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4),
)
ROWS = st.lists(st.tuples(st.sampled_from([None, 0, 0, 1, 2, 777]), WORDS, MOMENTS), max_size=25)


@pytest.fixture(scope="module")
def searched(module_database: str) -> Shop:
    shop = Shop(module_database, users=3, items=3)
    shop.create(views=False)
    shop.execute(SEARCHES)
    return shop


@given(rows=ROWS, each=st.integers(1, 4), days=st.integers(1, 40), event=st.none() | st.integers(0, 80).map(at))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_every_row_is_accounted_for(
    searched: Shop, tmp_path: Path, rows: list[Any], each: int, days: int, event: str | None
) -> None:
    """Rows = kept + in quarantine + too old + beyond the newest, and the kept ones are the right ones."""
    searched.execute("TRUNCATE searches, views")
    search(searched, *rows)
    searched.insert("views", [(0, 0, "view", 1, event)] if event else [])
    result, snapshot = extractor(searched, tmp_path)(queries=QUERIES, text=AdvancedText(queries=each, query_days=days))
    bad = sum(n for reason, n in result.quarantine.items() if reason.startswith("queries: "))
    assert result.quarantined == bad
    assert result.queries + result.queries_too_old + result.queries_over_limit + bad == len(rows)
    assert [list(zip(*found, strict=True)) for found in _found(snapshot)] == _expected(rows, each, days, event)


def _found(snapshot: Snapshot) -> list[tuple[list[str], list[str]]]:
    queries = snapshot.queries
    times = [datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(time)) for time in queries.times]
    moments = [time.isoformat() for time in times]
    return [(queries.of(u), moments[queries.starts[u] : queries.starts[u + 1]]) for u in range(queries.users)]


def _expected(rows: list[Any], each: int, days: int, event: str | None) -> list[list[tuple[str, str]]]:
    past = [time for *_, time in rows if time not in (None, "infinity", at(9999))]
    newest = max(map(datetime.fromisoformat, [*past, *([event] if event else [])]), default=FIRST)
    good = defaultdict(list)
    for user, words, time in rows:
        if words and key(words) and time in past and datetime.fromisoformat(time) >= newest - timedelta(days):
            good[user].append((-datetime.fromisoformat(time).timestamp(), words.encode(), (key(words), time)))
    return [[kept for *_, kept in sorted(good[user])[:each]] for user in range(3)]


@pytest.mark.parametrize(
    ("words", "normal"),
    [
        ("Running  Shoes\n", "running shoes"),
        ("ＲＵＮＮＩＮＧ\u3000ｓｈｏｅｓ", "running shoes"),
        ("　运动鞋　", "运动鞋"),
        ("ｽﾆｰｶｰ", "スニーカー"),
        ("cafe\u0301", "café"),
        ("ﬁlm №５", "film no5"),
        ("H\u0331", "\u1e96"),
        ("", ""),
    ],
)
def test_texts_that_look_alike_are_one(words: str, normal: str) -> None:
    assert key(words) == normal


@given(st.text())
def test_a_key_is_its_own_key(words: str) -> None:
    assert key(key(words)) == key(words)
