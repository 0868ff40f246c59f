"""One bad value is one row in quarantine, in every relation: keys of tables, and what is said of ids and groups."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

from chatrec.db.encodings import Repertoire
from chatrec.errors import MappingError
from chatrec.extract.describe import check_mapping
from chatrec.extract.extraction import snapshot as read_only
from chatrec.extract.unknown_ids import read_unknown_ids
from chatrec.extract.validation import Keys
from tests.support.databases import execute, new_database
from tests.support.extracts import QUERIES, SEARCHES, Extract, extractor
from tests.support.shop import SELECTS, Shop

TEXT_IDS = {
    "users": "SELECT 'User' || no AS user_id FROM customers",
    "items": "SELECT no AS item_id, name AS title FROM films",
    "interactions": "SELECT {} AS user_id, film AS item_id, at AS occurred_at FROM views",
}


@pytest.fixture(scope="module")
def shop(module_database: str) -> Shop:
    """A shop that no test changes."""
    made = Shop(module_database)
    made.create()
    made.execute(SEARCHES)
    return made


@pytest.fixture
def take(shop: Shop, tmp_path: Path) -> Extract:
    return extractor(shop, tmp_path)


def selects(users: str) -> dict[str, str]:
    return {**TEXT_IDS, "interactions": TEXT_IDS["interactions"].format(users)}


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("275760-09-13", "275760-09-13T00:00:00.000000Z"),
        ("294276-12-31 23:59:59", "294247-01-01T00:00:00.000000Z or later"),
        ("5874897-12-31", "294247-01-01T00:00:00.000000Z or later"),
    ],
)
def test_a_time_that_no_library_holds_is_readable_in_the_quarantine(take: Extract, time: str, shown: str) -> None:
    kind = "date" if time.startswith("5874897") else "timestamptz"
    late = f"SELECT 1::bigint AS user_id, {{}}, {kind} '{time}' AS occurred_at"
    result, snapshot = take(interactions=late.format("2::bigint AS item_id"), queries=late.format("'tent' AS query"))
    reason = "occurred_at is in the future"
    assert result.quarantine == {f"interactions: {reason}": 1, f"queries: {reason}": 1}
    rows = [json.loads(row) for row in snapshot.quarantined()["row_data"]]
    assert {row["occurred_at"] for row in rows} == {shown}


def test_texts_do_not_depend_on_settings_of_the_role(shop: Shop, tmp_path: Path) -> None:
    """Days name files, and times among the attributes are read back."""
    items = SELECTS["items"].replace(" FROM", ", changed_at AS changed FROM")
    usual, _ = (do := extractor(shop, tmp_path))(items=items, item_attributes=("changed",))
    name = make_url(shop.url).database
    execute(shop.url, f"ALTER DATABASE {name} SET datestyle TO 'SQL, DMY'")
    execute(shop.url, f"ALTER DATABASE {name} SET extra_float_digits TO -3")
    result, snapshot = do(items=items, item_attributes=("changed",), full=True)
    execute(shop.url, f"ALTER DATABASE {name} RESET ALL")
    assert result == replace(usual, days_read=result.days, events_read=result.events_read)
    assert snapshot.items["attributes"].struct.field("changed")[0] == "2026-01-01 00:00:00+00"


def test_ids_that_case_or_blanks_set_apart_are_said(
    shop: Shop, take: Extract, caplog: pytest.LogCaptureFixture
) -> None:
    users = "CASE customer % 10 WHEN 0 THEN 'USER' || customer WHEN 1 THEN ' User' || customer || ' '"
    users += " ELSE 'User' || customer END"
    result, _ = take(**selects(users))
    wrong = result.quarantine["interactions: unknown user"]
    said = f"{wrong} of {len(shop.views)} events are of an unknown user because ids differ in case or blanks, such as"
    assert said in caplog.text
    assert "lower(trim(...)) AS user_id" in caplog.text
    assert said in _checked(shop, selects(users))[0]


@pytest.mark.parametrize(
    "given", [selects("'member ' || customer"), {**SELECTS, "users": "SELECT 1000 + no AS user_id FROM customers"}]
)
def test_ids_that_do_not_match_are_said_with_an_example_of_both_sides(
    shop: Shop, take: Extract, caplog: pytest.LogCaptureFixture, given: dict[str, str]
) -> None:
    take(**given)
    said = f"{len(shop.views)} of {len(shop.views)} events are of an unknown user: the ids do not match, such as"
    assert said in caplog.text
    (checked,) = _checked(shop, given)
    assert said in checked
    examples = ("'member 0'", "'User0'") if "member" in given["interactions"] else ("0", "1000")
    assert f"{examples[0]} in source.interactions and {examples[1]} in source.users" in checked


def test_bytes_that_are_no_utf8_are_quarantined_wherever_they_are(server: str, tmp_path: Path) -> None:
    """Among them half a surrogate pair, as old versions of MySQL and Java write it."""
    database = new_database(server, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    ascii_shop = Shop(next(database))
    ascii_shop.create()
    ascii_shop.execute(r"UPDATE customers SET town = E'\xED\xA0\xBD' WHERE no = 1")
    ascii_shop.execute(r"UPDATE films SET kinds = ARRAY[E'\xFF'] WHERE no = 1")
    given = {
        "users": r"SELECT CASE no WHEN 2 THEN E'\xED\xB9\x9F' ELSE 'a' || no END AS user_id, town FROM customers",
        "interactions": r"SELECT E'\xC0' || customer AS user_id, film AS item_id, at AS occurred_at FROM views",
    }
    result, _ = extractor(ascii_shop, tmp_path)(**given)
    views = len(ascii_shop.views)
    assert result.quarantine == {"users: not UTF-8": 2, "items: not UTF-8": 1, "interactions: not UTF-8": views}
    (said,) = _checked(ascii_shop, {**SELECTS, **given})[:1]
    assert f"{views} of {views} events are of an unknown user: the ids do not match, such as '\ufffd0'" in said
    database.close()


def test_ids_that_match_are_not_mentioned(shop: Shop, take: Extract, caplog: pytest.LogCaptureFixture) -> None:
    half = SELECTS["users"] + " WHERE no % 2 = 0"
    result, _ = take(users=half)
    assert result.quarantine["interactions: unknown user"] > 200
    assert not caplog.records
    assert _checked(shop, {**SELECTS, "users": half}) == []
    assert _checked(shop, {**SELECTS, "users": half + " AND false"}) == []


def _checked(shop: Shop, given: dict[str, str]) -> list[str]:
    engine = create_engine(shop.url.replace("postgresql://", "postgresql+psycopg2://"))
    with read_only(engine) as cursor:
        said = read_unknown_ids(cursor, check_mapping(cursor, given))
    engine.dispose()
    return said


def test_groups_that_are_arrays_in_a_text_are_said(take: Extract, caplog: pytest.LogCaptureFixture) -> None:
    items = "SELECT no AS item_id, name AS title, {} AS groups FROM films"
    for text, separator in (("to_json(kinds)::text", "|"), ("kinds::text", "|"), ('\'["a", "b"]\'', ",")):
        caplog.clear()
        take(items=items.format(text), groups_separator=separator)
        assert "looks like an array in a text" in caplog.text
    caplog.clear()
    for text in ("kinds", "'Sale [new]|Laptops 15\"'", "NULL::text"):
        take(items=items.format(text))
    assert not caplog.records


def test_texts_that_become_keys_have_a_bound(shop: Shop, tmp_path: Path) -> None:
    """The provider of an item, an attribute that is audited, and a group that is a provider; long lists are fine."""
    long = "repeat('x', 1001)"
    given = {
        "users": f"SELECT no AS user_id, CASE no WHEN 3 THEN {long} ELSE town END AS town, {long} AS story"
        " FROM customers",
        "items": f"SELECT no AS item_id, name AS title, {long} AS plot, CASE no WHEN 1 THEN {long} END AS seller,"
        f" CASE no WHEN 2 THEN ARRAY['a', {long}] ELSE ARRAY(SELECT 'group ' || n FROM generate_series(1, 200) n) END"
        " AS groups FROM films",
    }
    do = extractor(shop, tmp_path)
    bounded, _ = do(**given, keys=Keys(("town",), ("seller",)))
    assert _without_events(bounded.quarantine) == {
        "items: seller is longer than 1,000 bytes": 1,
        "users: town is longer than 1,000 bytes": 1,
    }
    by_group, _ = do(**given, keys=Keys((), ("groups",)))
    assert _without_events(by_group.quarantine) == {"items: groups is longer than 1,000 bytes": 1}
    assert _without_events(do(**given)[0].quarantine) == {}


def _without_events(quarantine: Any) -> dict[str, int]:
    return {reason: rows for reason, rows in quarantine.items() if not reason.startswith("interactions")}


def test_keys_that_the_encoding_of_the_tables_cannot_hold_are_kept_out(server: str, shop: Shop, tmp_path: Path) -> None:
    """Titles are replaced when they are written; ids, searches and providers cannot be."""
    shop.execute("TRUNCATE searches")
    at = "2026-03-01+00"
    shop.execute(f"INSERT INTO searches VALUES (1, 'tent', '{at}'), (1, '5 µm', '{at}'), (2, '运动鞋', '{at}')")
    database = new_database(server, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    target = create_engine(next(database).replace("postgresql://", "postgresql+psycopg2://"))
    given = {
        "users": "SELECT CASE no WHEN 3 THEN '鞋' ELSE 'é' || no END AS user_id FROM customers",
        "items": "SELECT no AS item_id, '运动鞋 ' || name AS title, CASE no WHEN 1 THEN '鞋' ELSE 'é' END AS seller"
        " FROM films",
        "interactions": "SELECT CASE customer WHEN 3 THEN '鞋' ELSE 'é' || customer END AS user_id, film AS item_id,"
        " at AS occurred_at FROM views",
        "queries": QUERIES.replace("customer", "'é' || customer"),
    }
    result, snapshot = extractor(shop, tmp_path)(**given, keys=Keys((), ("seller",), Repertoire(target, "LATIN1")))
    target.dispose()
    database.close()
    of_seller = result.quarantine.pop("interactions: unknown item")
    ((of_user,),) = shop.execute("SELECT count(*) FROM views WHERE customer = 3")
    assert result.quarantine == {
        "interactions: user_id cannot be written in LATIN1": of_user,
        "items: seller cannot be written in LATIN1": 1,
        "queries: query cannot be written in LATIN1": 2,  # µ is normalised to the Greek letter
        "users: user_id cannot be written in LATIN1": 1,
    }
    assert result.interactions == len(shop.views) - of_user - of_seller
    assert snapshot.items["title"].str.starts_with("运动鞋").all()


CITEXT = """
CREATE SCHEMA extensions;
CREATE TYPE extensions.citext;
CREATE FUNCTION extensions.text_in(cstring) RETURNS extensions.citext AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION extensions.text_out(extensions.citext) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE extensions.citext (INPUT = extensions.text_in, OUTPUT = extensions.text_out, LIKE = text);
"""
"""The type of the extension, which not all servers have."""


def test_the_remedy_for_citext_keeps_the_join(shop: Shop, take: Extract) -> None:
    shop.execute(CITEXT)
    with pytest.raises(MappingError, match=r"gives user_id as extensions.citext: write lower\(code::text\) AS user_id"):
        take(users="SELECT 'a'::extensions.citext AS user_id")


def test_ids_of_two_kinds_are_refused(take: Extract) -> None:
    with pytest.raises(MappingError, match=r"source.interactions gives user_id as text, source.users as uuid"):
        take(users="SELECT gen_random_uuid() AS user_id", interactions=selects("'x'")["interactions"])
    queries = "SELECT gen_random_uuid() AS user_id, 'x' AS query, now() AS occurred_at"
    with pytest.raises(MappingError, match=r"source.queries gives user_id as uuid, source.users as text"):
        take(**selects("'x'"), queries=queries)
