"""Extraction from a real PostgreSQL: nothing is lost, and an incremental run reads what a full one reads."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatrec.config.source import Text
from chatrec.encoder.texts import item_texts, user_texts
from chatrec.errors import MappingError
from chatrec.features.catalogue import Texts
from chatrec.runs.digests import digest_of
from chatrec.runs.files import remove_stale_partials
from tests.support.databases import new_database
from tests.support.extracts import Extract, extractor
from tests.support.shop import Shop


@pytest.fixture
def take(shop: Shop, tmp_path: Path) -> Extract:
    """Extracts the shop; takes changes of the mapping."""
    return extractor(shop, tmp_path)


def test_everything_is_read_in_order(shop: Shop, take: Extract) -> None:
    result, snapshot = take()
    assert (result.users, result.items, result.interactions) == (40, 60, len(shop.views))
    assert snapshot.users["user_id"].to_list() == list(range(40))
    films = snapshot.items["item_id"].to_list()
    assert sorted(films) == list(range(60)) != films
    kinds = dict(zip(films, snapshot.items["groups"].to_list(), strict=True))
    assert [kinds[film] for film in range(3)] == [["Space"], ["Kitchen"], ["Detective"]]
    of_first = shop.execute("SELECT film FROM views WHERE customer = 0 ORDER BY at")
    assert [films[row] for row in snapshot.histories.of(0)] == [film for (film,) in of_first]
    assert snapshot.histories.lengths[39] == 0


def test_only_changed_days_are_read_again(shop: Shop, take: Extract) -> None:
    first, _ = take()
    assert first.days_read == first.days > 20
    assert take()[0].days_read == 0
    shop.execute("INSERT INTO views VALUES (39, 1, 'view', 1, '2026-02-03 05:00+00')")  # late
    shop.execute("UPDATE views SET amount = 2 WHERE at < '2026-02-03' AND customer = 0")  # corrected
    days = shop.execute("SELECT count(DISTINCT at::date) FROM views WHERE at < '2026-02-03' AND customer = 0")[0][0]
    shop.execute("DELETE FROM views WHERE at::date = '2026-02-20'")  # a day is gone
    result, snapshot = take()
    assert result.days_read == 1 + days
    assert result.days == first.days - 1
    assert snapshot.histories.lengths[39] == 1


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("INSERT"), st.integers(0, 39), st.integers(0, 59), st.integers(1, 28)),
        st.tuples(st.just("DELETE"), st.integers(0, 39), st.integers(0, 59), st.integers(1, 28)),
        st.tuples(st.just("UPDATE"), st.integers(0, 39), st.integers(0, 59), st.integers(1, 28)),
    ),
    max_size=6,
)


@given(runs=st.lists(CHANGES, min_size=1, max_size=3))
@settings(max_examples=6, suppress_health_check=list(HealthCheck))
def test_incremental_equals_full_to_the_byte(server: str, tmp_path_factory: Any, runs: list[Any]) -> None:
    database = new_database(server)
    shop = Shop(next(database))
    shop.create()
    incremental = extractor(shop, tmp_path_factory.mktemp("incremental"))
    incremental()
    for changes in runs:
        for what, user, film, day in changes:
            at = f"2026-02-{day:02} 12:00+00"
            if what == "INSERT":
                shop.execute("INSERT INTO views VALUES (%s, %s, 'late', 1, %s)", (user, film, at))
            elif what == "DELETE":
                shop.execute("DELETE FROM views WHERE customer = %s AND at::date = %s::date", (user, at))
            else:
                shop.execute("UPDATE views SET film = %s, at = %s WHERE customer = %s", (film, at, user))
        _, now = incremental()
        _, anew = extractor(shop, tmp_path_factory.mktemp("full"))(full=True)
        for name in ("users.parquet", "items.parquet", "interactions.parquet", "quarantine.parquet"):
            assert (now.folder / name).read_bytes() == (anew.folder / name).read_bytes()
        assert now.facts.partitions == anew.facts.partitions
    database.close()


def test_days_are_the_same_files_however_they_were_read(shop: Shop, tmp_path: Path) -> None:
    roots = [tmp_path / "one", tmp_path / "two"]
    for root, memory in zip(roots, (64, 4096), strict=True):
        root.mkdir()
        extractor(shop, root)(memory_mb=memory)
    assert digest_of(roots[0] / "events") == digest_of(roots[1] / "events")


@pytest.mark.parametrize("damage", ["flipped", "empty", "gone", "another day's"])
def test_a_damaged_day_is_read_again(shop: Shop, tmp_path: Path, damage: str) -> None:
    take = extractor(shop, tmp_path)
    _, right = take()
    before = right.histories.items.tolist(), digest_of(tmp_path / "events")
    day, other = sorted((tmp_path / "events").glob("2026-*.parquet"))[:2]
    data = bytearray(day.read_bytes())
    data[len(data) // 2] ^= 64
    day.unlink()
    if damage != "gone":
        day.write_bytes({"flipped": bytes(data), "empty": b""}.get(damage, other.read_bytes()))
    result, snapshot = take()
    assert result.days_read == 1
    remove_stale_partials(tmp_path, seconds=-1)
    assert (snapshot.histories.items.tolist(), digest_of(tmp_path / "events")) == before
    assert take()[0].days_read == 0


BAD_EVENTS = {
    "user_id is null": "(NULL, 1, 'view', 1, '2026-02-01')",
    "item_id is null": "(1, NULL, 'view', 1, '2026-02-01')",
    "unknown user": "(777, 1, 'view', 1, '2026-02-01')",
    "unknown item": "(1, 777, 'view', 1, '2026-02-01')",
    "weight is not a finite number": "(1, 1, 'view', 'NaN', '2026-02-01')",
    "weight is not positive": "(1, 1, 'view', -1, '2026-02-01')",
    "occurred_at is null or infinite": "(1, 1, 'view', 1, 'infinity')",
    "occurred_at is in the future": "(1, 1, 'view', 1, now() + interval '2 days')",
}


@pytest.mark.parametrize(("reason", "row"), BAD_EVENTS.items(), ids=BAD_EVENTS)
def test_a_bad_event_goes_to_the_quarantine(shop: Shop, take: Extract, reason: str, row: str) -> None:
    shop.execute(f"INSERT INTO views VALUES {row}")
    result, snapshot = take()
    assert result.quarantine == {f"interactions: {reason}": 1}
    assert result.interactions == len(shop.views)
    assert snapshot.quarantined()["reason"].to_list() == [reason]
    assert '"user_id"' in snapshot.quarantined()["row_data"][0]


def test_no_row_is_lost(shop: Shop, take: Extract) -> None:
    """Good rows and rows in quarantine together are all rows."""
    shop.execute(f"INSERT INTO views VALUES {', '.join(BAD_EVENTS.values())}")
    shop.execute("INSERT INTO views SELECT * FROM views WHERE customer = 777")
    shop.execute("INSERT INTO customers VALUES (NULL, 1, 'Rome'), (3, 1, 'twice')")
    shop.execute("INSERT INTO films (no, name) VALUES (NULL, 'no number'), (4, 'twice'), (4, 'three times')")
    result, _ = take()
    for relation, table in (("users", "customers"), ("items", "films"), ("interactions", "views")):
        bad = sum(n for reason, n in result.quarantine.items() if reason.startswith(relation))
        assert getattr(result, relation) + bad == shop.execute(f"SELECT count(*) FROM {table}")[0][0]


def test_of_items_with_the_same_id_the_one_updated_last_is_kept(shop: Shop, take: Extract) -> None:
    shop.execute("INSERT INTO films (no, name, changed_at) VALUES (4, 'newer', '2026-05-01+00'), (4, 'no date', NULL)")
    result, snapshot = take()
    assert result.quarantine == {"items: duplicate id": 2}
    assert snapshot.items.filter(pl.col("item_id") == 4)["title"].to_list() == ["newer"]


def test_users_are_active_unless_they_are_not(shop: Shop, take: Extract) -> None:
    assert take()[1].active.all()
    users = "SELECT no AS user_id, CASE WHEN no < 2 THEN no = 1 END AS active, town FROM customers"
    result, snapshot = take(users=users)
    assert snapshot.users.columns == ["user_id", "active", "town"]
    assert np.flatnonzero(~snapshot.active).tolist() == [0]
    assert result.interactions == len(shop.views)
    rows, titles = np.arange(40), snapshot.items["title"].to_list()
    texts = user_texts(snapshot.users, rows, titles, snapshot.histories, 0, snapshot.queries, Text().user)
    assert texts[:2] == ["town: Rome.", "town: Oslo."]


def test_a_future_event_becomes_good_when_its_time_comes(shop: Shop, take: Extract) -> None:
    """What is good is decided every run, although the day's file was read long ago."""
    shop.execute("INSERT INTO views VALUES (1, 1, 'view', 1, now() + interval '5 minutes 2 seconds')")
    assert take()[0].quarantined == 1
    shop.execute("SELECT pg_sleep(3)")
    result, _ = take()
    assert (result.quarantined, result.days_read) == (0, 0)


def test_bytes_that_are_no_utf8_are_kept_out(server: str, tmp_path: Path) -> None:
    database = new_database(server, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    shop = Shop(next(database))
    shop.create()
    shop.execute(r"INSERT INTO films (no, name) VALUES (100, E'caf\xE9'), (101, 'café')")
    shop.execute(r"INSERT INTO views VALUES (1, 1, E'caf\xE9', 1, '2026-02-01')")
    result, snapshot = extractor(shop, tmp_path)()
    assert result.quarantine == {"interactions: not UTF-8": 1, "items: not UTF-8": 1}
    assert snapshot.items.filter(pl.col("item_id") == 101)["title"].item() == "café"
    assert "caf\ufffd" in snapshot.quarantined()["row_data"].to_list()[0]
    database.close()


@pytest.mark.parametrize("kind", ["uuid", "text", "integer", "character varying(40)"])
def test_ids_may_be_of_other_types(shop: Shop, take: Extract, kind: str) -> None:
    make = {"uuid": "md5({}::text)::uuid", "text": "'n°' || {}", "character varying(40)": "('v' || {})::varchar(40)"}
    expression = make.get(kind, "{}::integer")
    result, snapshot = take(
        users=f"SELECT {expression.format('no')} AS user_id FROM customers",
        items=f"SELECT {expression.format('no')} AS item_id, name AS title FROM films",
        interactions=f"SELECT {expression.format('customer')} AS user_id, {expression.format('film')} AS item_id, "
        "at AS occurred_at FROM views",
    )
    assert result.interactions == len(shop.views)
    assert snapshot.facts.user_id_type == {"character varying(40)": "text"}.get(kind, kind)
    ids = snapshot.users["user_id"].to_list()
    assert ids == sorted(ids)


def test_groups_may_be_text(shop: Shop, take: Extract) -> None:
    _, snapshot = take(items="SELECT no AS item_id, name AS title, ' b |a|| b' AS groups FROM films")
    assert snapshot.items["groups"][0].to_list() == ["b", "a"]


def test_texts_with_commas_quotes_and_lines_survive(shop: Shop, take: Extract) -> None:
    title = 'A "quoted",\n\ttab and \\N and 运动鞋 👟'
    shop.execute("UPDATE films SET name = %s, plot = '' WHERE no = 0", (title,))
    _, snapshot = take()
    found = snapshot.items.row(by_predicate=pl.col("item_id") == 0, named=True)
    assert (found["title"], found["plot"]) == (title, "")


MISTAKES = {
    "source.users lacks the column user_id": {"users": "SELECT no FROM customers"},
    "source.items lacks the column title": {"items": "SELECT no AS item_id FROM films"},
    "source.interactions is not a SELECT that PostgreSQL can run": {"interactions": "SELEC 1"},
    'relation "nowhere" does not exist': {"users": "SELECT 1 AS user_id FROM nowhere"},
    "source.users gives user_id as numeric": {"users": "SELECT no::numeric AS user_id FROM customers"},
    "source.interactions gives occurred_at as text": {
        "interactions": "SELECT customer AS user_id, film AS item_id, at::text AS occurred_at FROM views"
    },
    "unknown column stars": {
        "interactions": "SELECT customer AS user_id, film AS item_id, at AS occurred_at, 1 AS stars FROM views"
    },
    "source.queries lacks the column query": {"queries": "SELECT 1 AS user_id, now() AS occurred_at"},
    "source.queries gives query as integer": {"queries": "SELECT 1 AS user_id, 2 AS query, now() AS occurred_at"},
    "source.queries gives the unknown column hits": {
        "queries": "SELECT 1 AS user_id, 'tent' AS query, now() AS occurred_at, 9 AS hits"
    },
    "source.queries gives user_id as text, source.users as bigint: cast one of them": {
        "queries": "SELECT 'one' AS user_id, 'tent' AS query, now() AS occurred_at"
    },
    "source.users gives active as integer: cast it to one of boolean": {
        "users": "SELECT no AS user_id, 1 AS active FROM customers"
    },
    "two columns of the same name": {"users": "SELECT no AS user_id, age, no AS age FROM customers"},
    "cast one of them": {"users": "SELECT no::text AS user_id FROM customers"},
    "source.users is empty": {"users": " ; "},
    "source.users fails on your data": {"users": "SELECT no AS user_id, (town::text)::int AS age FROM customers"},
    "gives no occurred_at, so the order of the events is unknown: .* ranking.target to random": {
        "interactions": "SELECT customer AS user_id, film AS item_id FROM views"
    },
}


@pytest.mark.parametrize(("message", "selects"), MISTAKES.items(), ids=MISTAKES)
def test_a_wrong_mapping_is_named(take: Extract, message: str, selects: dict[str, str]) -> None:
    with pytest.raises(MappingError, match=message):
        take(**selects)


def test_all_problems_are_named_at_once(take: Extract) -> None:
    with pytest.raises(MappingError) as raised:
        take(
            users="SELEC 1",
            items="SELECT no::numeric AS item_id, plot FROM films",
            interactions="SELECT customer AS user_id, film AS item_id, at AS occurred_at, 1 AS x, 2 AS y FROM views",
        )
    named = (
        "users is not a SELECT",
        "items lacks the column title",
        "items gives item_id as numeric",
        "column x",
        "column y",
    )
    assert len(raised.value.problems) == len(named)
    for problem, words in zip(raised.value.problems, named, strict=True):
        assert words in problem


UNTIMED = "SELECT customer AS user_id, film AS item_id FROM views"


def test_a_log_may_have_no_times(shop: Shop, take: Extract) -> None:
    shop.execute("INSERT INTO views VALUES (777, 1, 'view', 1, NULL)")
    result, snapshot = take(interactions=UNTIMED, target="random")
    assert (result.interactions, result.quarantine) == (len(shop.views), {"interactions: unknown user": 1})
    assert not snapshot.histories.times.any()
    assert take(interactions=UNTIMED, target="random")[0].days_read == 0
    mapped, _ = take(target="random")
    assert mapped.quarantine == {"interactions: occurred_at is null or infinite": 1}


def test_an_item_without_a_title_is_quarantined_with_its_events(shop: Shop, take: Extract) -> None:
    shop.execute("INSERT INTO films (no, name, changed_at) VALUES (100, NULL, now()), (101, E' \t', now())")
    shop.execute("INSERT INTO films (no, name, changed_at) VALUES (102, '', now()), (102, 'older', '2026-01-01+00')")
    shop.execute("INSERT INTO views SELECT 1, film, 'view', 1, '2026-02-01' FROM generate_series(100, 103) AS film")
    result, snapshot = take()
    assert result.quarantine == {
        "interactions: item without a title": 2,
        "interactions: unknown item": 1,
        "items: title is missing": 3,
    }
    assert snapshot.items.row(by_predicate=pl.col("item_id") == 102, named=True)["title"] == "older"


def test_a_select_may_end_with_a_comment_or_a_semicolon(take: Extract) -> None:
    assert take(users="SELECT no AS user_id -- 100 % of them {}\nFROM customers; ")[0].users == 40
    assert take(users="SELECT no AS user_id FROM customers -- all")[0].users == 40


def test_empty_tables_make_an_empty_snapshot(shop: Shop, take: Extract) -> None:
    shop.execute("TRUNCATE customers, films, views")
    result, snapshot = take()
    assert (result.users, result.items, result.interactions) == (0, 0, 0)
    assert snapshot.histories.users == 0


def test_attributes_of_items_are_kept_and_are_no_texts(take: Extract) -> None:
    items = "SELECT no AS item_id, name AS title, plot, kinds AS groups, changed_at AS published_at FROM films"
    _, plain = take(items=items.replace(", changed_at AS published_at", ""))
    plain_items = plain.items.sort("item_id")
    _, snapshot = take(items=items, item_attributes=("published_at",))
    assert snapshot.items["attributes"].struct.field("published_at")[0] == "2026-01-01 00:00:00+00"
    template, items_by_id = Text().item, snapshot.items.sort("item_id")
    assert item_texts(items_by_id, template) == item_texts(plain_items, template)
    assert Texts.of(items_by_id) == Texts.of(plain_items)
    with pytest.raises(MappingError, match=r"item_attributes names stock.*: these are plot, published_at"):
        take(items=items, item_attributes=("stock",))
    with pytest.raises(MappingError, match=r"rename it with AS"):
        take(items=items.replace("plot", "plot AS attributes"), item_attributes=("published_at",))
