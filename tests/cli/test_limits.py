"""Query limits: a role reads lists through a function, as many a day as its row allows, and nothing else."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import make_url

from tests.support.finished import Finished
from tests.support.processes import Chatrec
from tests.support.shop import Shop

LIST = "SELECT item_id FROM chatrec.recommendations_for(%s)"


@pytest.fixture
def shop(finished: Finished) -> Shop:
    return finished.shop


@pytest.fixture
def reader(roles: None, shop: Shop, chatrec: Chatrec) -> Iterator[Connection]:
    """Somebody who is a member of the limited role, which may read 3 lists and 12 rows a day."""
    assert chatrec("db", "roles")[0] == 0
    shop.execute("UPDATE chatrec.reading_limits SET users_a_day = 3, rows_a_day = 12")
    shop.execute("DROP ROLE IF EXISTS website")
    shop.execute("CREATE ROLE website LOGIN PASSWORD 'secret'; GRANT chatrec_limited TO website")
    url = make_url(shop.url).set(drivername="postgresql", username="website", password="secret")
    with closing(psycopg2.connect(url.render_as_string(hide_password=False))) as connection:
        connection.autocommit = True
        yield connection
    shop.execute("DROP OWNED BY website; DROP ROLE website")


def read(connection: Connection, user: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(LIST, (user,))
        return [row[0] for row in cursor.fetchall()]


def test_a_list_is_read_until_the_day_is_used_up(reader: Connection, shop: Shop) -> None:
    wanted = [row[2] for row in shop.lists("user_id = 1")]
    assert read(reader, 1) == wanted
    assert read(reader, 1) == wanted
    with pytest.raises(
        psycopg2.errors.ConfigurationLimitExceeded, match="2 lists with 10 rows today and may read 3 and 12"
    ):
        read(reader, 2)
    usage = "SELECT role, users_today, users_a_day, rows_today, rows_a_day FROM chatrec.reading_usage"
    assert shop.execute(usage) == [("chatrec_limited", 2, 3, 10, 12)]
    assert read(reader, 12345) == []
    with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded):
        read(reader, 12345)


def test_rolling_back_does_not_give_a_day_back(reader: Connection) -> None:
    reader.autocommit = False
    for _ in range(2):
        assert read(reader, 1)
        reader.rollback()
    with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded):
        read(reader, 1)


def test_the_next_day_begins_anew(reader: Connection, shop: Shop) -> None:
    assert read(reader, 1)
    shop.execute(
        "SELECT setval(c.oid::regclass, pg_sequence_last_value(c.oid::regclass) - 10000000000) FROM pg_class c "
        "WHERE c.relkind = 'S' AND c.relname LIKE '%%read_by_%%'"
    )
    assert shop.execute("SELECT users_today, rows_today FROM chatrec.reading_usage") == [(0, 0)]
    assert read(reader, 2)
    assert shop.execute("SELECT users_today FROM chatrec.reading_usage") == [(1,)]


def test_readers_of_one_role_do_not_wait_for_each_other_and_count_together(reader: Connection, shop: Shop) -> None:
    reader.autocommit = False
    wanted = [row[2] for row in shop.lists("user_id = 1")]
    assert read(reader, 1) == wanted  # and the transaction stays open
    with closing(psycopg2.connect(reader.dsn, password="secret")) as other:
        with other.cursor() as cursor:
            cursor.execute("SET statement_timeout = '10s'")
        assert read(other, 1) == wanted
    with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded, match="2 lists with 10 rows"):
        read(reader, 2)
    reader.rollback()


def test_no_limit_is_passed_by_asking_at_once(reader: Connection, shop: Shop) -> None:
    shop.execute("UPDATE chatrec.reading_limits SET users_a_day = 25, rows_a_day = 10000")

    def ask(_: int) -> int:
        given = 0
        with closing(psycopg2.connect(reader.dsn, password="secret")) as connection:
            connection.autocommit = True
            for _ in range(10):
                with contextlib.suppress(psycopg2.errors.ConfigurationLimitExceeded):
                    given += bool(read(connection, 1))
        return given

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(4))) == 25


def test_a_read_only_transaction_is_told_why_not(reader: Connection) -> None:
    reader.set_session(readonly=True)
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction, match="counts its calls"):
        read(reader, 1)


def test_no_function_that_runs_as_its_owner_is_open_to_all(reader: Connection, shop: Shop) -> None:
    sequences = "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'chatrec'::regnamespace"
    before = shop.execute(sequences)
    trigger = "CREATE TRIGGER count BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION chatrec.count_readings()"
    with reader.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE mine (role text)")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(trigger)
    assert shop.execute(sequences) == before
    definers = "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'chatrec'::regnamespace"
    public = "has_function_privilege('public', oid, 'EXECUTE')"
    assert shop.execute(f"{definers} AND {public}") == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM chatrec.recommendations",
        "SELECT chatrec.add_to_readings('chatrec.x', -1)",
        "SELECT * FROM chatrec.recommendations_by_run",
        "SELECT * FROM chatrec.recommendations_at('x')",
        "SELECT * FROM chatrec.reading_limits",
        "UPDATE chatrec.reading_limits SET users_a_day = 1000",
        "SELECT * FROM chatrec.privacy_ledger",
        "SELECT * FROM chatrec.run_metrics",
    ],
)
def test_nothing_else_is_open(reader: Connection, statement: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), reader.cursor() as cursor:
        cursor.execute(statement)


def test_a_table_of_the_readers_own_does_not_take_the_place_of_ours(reader: Connection, shop: Shop) -> None:
    with reader.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE reading_limits AS SELECT 'website'::name AS role, 9 AS users_a_day")
        cursor.execute("SET search_path = pg_temp")
    assert read(reader, 1) == [row[2] for row in shop.lists("user_id = 1")]


def test_a_role_without_a_row_reads_nothing(reader: Connection, shop: Shop) -> None:
    shop.execute("DELETE FROM chatrec.reading_limits")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="website has no row in reading_limits"):
        read(reader, 1)
