"""Query limits: a role reads lists through a function, as many a day as its row allows, and nothing else."""

from collections.abc import Iterator
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


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM chatrec.recommendations",
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
