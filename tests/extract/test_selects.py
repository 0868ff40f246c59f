"""SELECTs of other people's databases: their collations, their changing rows, their errors, their names."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from chatrec.config import Settings, load
from chatrec.errors import MappingError, TransientError
from chatrec.extract.partitions import partition_folder
from chatrec.pipeline.preflight import Finding, preflight, read_mapping
from chatrec.pipeline.source_checks import source_cursor
from tests.support.extracts import QUERIES, SEARCHES, Extract, extractor
from tests.support.finished import migrate
from tests.support.shop import SELECTS, Shop, write_settings

Configure = Callable[..., Settings]
Check = Callable[..., dict[str, list[Finding]]]
EVENTS = SELECTS["interactions"]
OLD_COLUMNS = """
ALTER TABLE views ALTER what TYPE text COLLATE "C", ADD old_what text COLLATE "POSIX" DEFAULT 'view';
ALTER TABLE customers ALTER town TYPE text COLLATE "C", ADD old_town text COLLATE "POSIX";
ALTER TABLE films ALTER name TYPE text COLLATE "C", ADD old_name text COLLATE "POSIX";
ALTER TABLE searches ALTER words TYPE text COLLATE "C", ADD old_words text COLLATE "POSIX";
"""
FUNCTIONS = """
CREATE SEQUENCE numbers;
CREATE FUNCTION checked(bigint, code text DEFAULT 'P0001') RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN
IF $1 = 27 THEN RAISE EXCEPTION 'customer % is locked', $1 USING ERRCODE = code; END IF; RETURN $1; END $$;
CREATE FUNCTION dated(text) RETURNS date LANGUAGE sql STABLE AS 'SELECT $1::date';
CREATE MATERIALIZED VIEW sales AS
SELECT customer AS user_id, film AS item_id, at AS occurred_at FROM views WITH NO DATA;
CREATE FUNCTION some_day() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$ BEGIN
RETURN timestamptz '2026-02-01' + random() * interval '5 days'; END $$;
CREATE FUNCTION turn() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n int; BEGIN
n := coalesce(nullif(current_setting('shop.turn', true), ''), '0')::int;
PERFORM set_config('shop.turn', (1 - n)::text, false); RETURN n; END $$;
"""


@pytest.fixture(scope="module")
def made(module_database: str) -> Shop:
    """A shop that the tests only read."""
    shop = Shop(module_database)
    shop.create()
    shop.execute(f"{SEARCHES}; INSERT INTO searches VALUES (1, 'space film', '2026-02-20'); {OLD_COLUMNS}; {FUNCTIONS}")
    return shop


@pytest.fixture
def take(made: Shop, tmp_path: Path) -> Extract:
    return extractor(made, tmp_path)


@pytest.fixture
def check(made: Shop, tmp_path: Path) -> Check:
    """What `chatrec check` says of SELECTs, by question."""
    return lambda **changes: asked(load(write_settings(tmp_path, made.url, changes)))


@pytest.fixture(scope="module")
def debian() -> Iterator[str]:
    """The URL of an empty database of Debian's PostgreSQL, which has ICU; the tests' own has not."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or os.getuid() != 0:
        pytest.skip("no PostgreSQL of Debian that this user may start")
    with tempfile.TemporaryDirectory(prefix="chatrec-debian-") as name:
        shutil.chown(name, "postgres")
        call = partial(subprocess.run, user="postgres", check=True, cwd=name, stdout=subprocess.DEVNULL)
        call([programs[-1] / "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8"])
        options = f"-k {name} -c listen_addresses='' -c fsync=off"
        call([programs[-1] / "pg_ctl", "-D", "data", "-o", options, "-l", "log", "-w", "start"])
        try:
            yield f"postgresql://postgres@/postgres?host={name}"
        finally:
            call([programs[-1] / "pg_ctl", "-D", "data", "-m", "immediate", "stop"])


def asked(settings: Settings) -> dict[str, list[Finding]]:
    """What `chatrec check` says, by question."""
    findings: dict[str, list[Finding]] = {}
    for finding in preflight(settings):
        findings.setdefault(finding.question, []).append(finding)
    return findings


TWO_COLLATIONS = {
    "union": {
        "interactions": f"SELECT * FROM ({EVENTS} WHERE customer % 2 = 0) AS new "
        "UNION ALL SELECT customer, film, old_what, amount, at FROM views WHERE customer % 2 = 1"
    },
    "coalesce": {"interactions": EVENTS.replace("what", "coalesce(nullif(what, 'view'), old_what)")},
    "users": {"users": "SELECT no AS user_id, coalesce(town, old_town) AS town FROM customers"},
    "titles": {
        "items": "SELECT no AS item_id, coalesce(name, old_name) AS title, coalesce(old_name, name) AS x FROM films"
    },
    "groups": {
        "items": "SELECT no AS item_id, name AS title, coalesce(nullif(name, ''), old_name) AS groups FROM films"
    },
    "queries": {"queries": QUERIES.replace("words", "coalesce(words, old_words)")},
    "ids": {
        "users": "SELECT coalesce(town, old_town) || no AS user_id FROM customers",
        "interactions": "SELECT coalesce(town, old_town) || no AS user_id, film AS item_id, at AS occurred_at "
        "FROM views JOIN customers ON no = customer",
    },
}


@pytest.mark.parametrize("selects", TWO_COLLATIONS.values(), ids=TWO_COLLATIONS)
def test_a_text_may_have_two_collations(made: Shop, take: Extract, check: Check, selects: dict[str, str]) -> None:
    result, _ = take(**selects)
    assert result.interactions == len(made.views)
    rules = {} if "items" in selects else {"rules.deny": [{"name": "a", "groups": ["Space"]}]}
    found = check(**{f"source.{name}": select for name, select in selects.items()}, **rules)
    assert [finding.answer for findings in found.values() for finding in findings if not finding.ok] == []


IGNORING = "CREATE COLLATION ignoring (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"


@pytest.mark.slow
def test_the_digest_of_a_day_sees_a_change_of_case(debian: str, tmp_path: Path) -> None:
    """Under a collation that takes View and view for equal, in all texts of a shop."""
    shop = Shop(debian)
    shop.create()
    shop.execute(
        f"{IGNORING}; ALTER TABLE films ALTER name TYPE text COLLATE ignoring, ALTER plot TYPE text COLLATE ignoring"
    )
    shop.execute("ALTER TABLE views ALTER what TYPE text COLLATE ignoring")
    shop.execute("ALTER TABLE customers ALTER town TYPE text COLLATE ignoring")
    take, items = extractor(shop, tmp_path), "SELECT no AS item_id, name AS title, plot AS groups FROM films"
    assert take(items=items)[0].interactions == len(shop.views)
    shop.execute("UPDATE views SET what = 'VIEW' WHERE at::date = '2026-02-03'")
    result, snapshot = take(items=items)
    assert result.days_read == 1
    assert set(pl.read_parquet(snapshot.folder / "interactions.parquet")["event"]) == {"view", "VIEW"}
    settings = load(write_settings(tmp_path, debian, {"source.items": items, "source.groups_separator": " "}))
    for group, ok in (("rocket", True), ("Rocket", False)):
        (found,) = asked(settings.override({"rules.deny": [{"name": "a", "groups": [group]}]}))["rules"]
        assert found.ok is ok
    assert all(finding.ok for question, findings in asked(settings).items() for finding in findings)


CHANGING = {
    "a random order": f"{EVENTS} ORDER BY random() LIMIT 25",
    "a sample": f"{EVENTS} TABLESAMPLE BERNOULLI (50)",
    "a random condition": f"{EVENTS} WHERE random() < 0.5",
    "a random weight": EVENTS.replace("amount", "random()"),
    "the time of the clock": EVENTS.replace(", at AS", ", clock_timestamp() AS"),
    "a function that is not as stable as it says": EVENTS.replace(", at AS", ", some_day() AS"),
    "rows that take turns": f"SELECT * FROM ({EVENTS}) AS given WHERE item_id % 2 = turn()",
}


@pytest.mark.parametrize("select", CHANGING.values(), ids=CHANGING)
def test_events_that_change_between_two_scans_are_refused(
    take: Extract, check: Check, tmp_path: Path, select: str
) -> None:
    with pytest.raises(MappingError, match=r"source.interactions gives other rows each time .*: make it repeatable"):
        take(interactions=select)
    days = partition_folder(tmp_path)
    read = {file.name: pl.read_parquet(file).height for file in days.glob("*") if days.exists()}
    assert all(height == int(name.split(".")[1]) for name, height in read.items())
    (found,) = check(**{"source.interactions": select})["data"]
    assert "source.interactions gives other rows each time" in found.answer


@pytest.mark.parametrize(
    "end",
    [" TABLESAMPLE BERNOULLI (50) REPEATABLE (7)", " ORDER BY at, customer, film LIMIT 100", " ORDER BY random()"],
)
def test_events_that_are_the_same_in_each_scan_are_read(take: Extract, end: str) -> None:
    result, _ = take(interactions=EVENTS + end)
    assert result.interactions == result.events_read > 50
    assert take(interactions=EVENTS + end)[0].days_read == 0


FAILING = {
    "users fails on your data: customer 27 is locked": ("users", "SELECT checked(no) AS user_id FROM customers"),
    "users fails on your data: customer 27 is": ("users", "SELECT checked(no, '40001') AS user_id FROM customers"),
    "users fails on your data: customer 27": ("users", "SELECT checked(no, '57014') AS user_id FROM customers"),
    "users fails on your data: cannot execute nextval()": ("users", "SELECT nextval('numbers') AS user_id"),
    "users fails on your data: division by zero": (
        "users",
        "SELECT no AS user_id, 1 / (no - 7) AS age FROM customers",
    ),
    'items fails on your data: invalid input syntax for type date: "': (
        "items",
        "SELECT no AS item_id, name AS title, dated(plot) AS born FROM films",
    ),
    'interactions fails on your data: materialized view "sales" has not been populated': (
        "interactions",
        "SELECT * FROM sales",
    ),
    "queries fails on your data: customer 27 is locked": (
        "queries",
        "SELECT checked(no) AS user_id, town AS query, timestamp '2026-02-20' AS occurred_at FROM customers",
    ),
}


@pytest.mark.parametrize(("words", "given"), FAILING.items(), ids=FAILING)
def test_a_select_that_fails_in_a_row_is_named(take: Extract, check: Check, words: str, given: tuple[str, str]) -> None:
    relation, select = given
    with pytest.raises(MappingError) as raised:
        take(**{relation: select})
    assert str(raised.value).startswith(f"source.{words}")
    found = check(**{f"source.{relation}": select})
    assert f"source.{words}" in found.get("data", found["mapping"])[0].answer
    assert list(found)[-1] == "encoder"


def test_what_a_retry_may_help_is_named_too(made: Shop, tmp_path: Path) -> None:
    impatient = Shop(f"{made.url}&options=-cstatement_timeout%3D200")
    with pytest.raises(TransientError, match=r"source.users broke off: canceling statement due to statement timeout"):
        extractor(impatient, tmp_path)(users="SELECT no AS user_id, pg_sleep(1)::text AS x FROM customers")


TAKEN = ("items", "groups", "popular", "trending", "runs", "exposure", "blurbs", "erasures", "migrations")


def test_names_are_the_customers_where_chatrecs_schema_comes_first(
    shop: Shop, configure: Configure, tmp_path: Path
) -> None:
    """The path begins with a schema of the role's name."""
    settings = configure(database__schema_name="postgres")
    for name in TAKEN:
        shop.execute(f"CREATE VIEW public.{name} AS SELECT * FROM films WHERE no < 30")
    migrate(settings)
    with source_cursor(settings) as cursor:
        for name in TAKEN:
            cursor.execute(f"SELECT count(*), max(no) FROM {name}")
            assert cursor.fetchone() == (30, 29)
    select = "SELECT no AS item_id, name AS title FROM items"
    assert extractor(shop, tmp_path)(items=select)[0].items == 30
    shop.execute("DROP VIEW public.items; CREATE TABLE postgres.goods AS SELECT * FROM films")
    for name in ("items", "postgres.items"):
        with pytest.raises(MappingError) as raised:
            read_mapping(settings.override({"source.items": f"SELECT item_id, title FROM {name}"}))
        assert str(raised.value) == (
            "source.items reads postgres.items, which chatrec writes: name the schema of your own table, such as "
            "public.items."
        )
    read_mapping(settings.override({"source.items": "SELECT no AS item_id, name AS title FROM goods"}))
