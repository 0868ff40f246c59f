"""Connections that the server ends: the reason is shown and what to do, and no value of a row gets into the records."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import polars as pl
import psycopg2
import pytest
from psycopg2 import sql
from sqlalchemy import Engine, make_url, text

from chatrec.db import engine as engines
from chatrec.db.address import address
from chatrec.db.copy import copy_in, copy_out
from chatrec.db.failures import recorded
from chatrec.errors import ChatrecError, SettingsError, StatementRefused, TransientError
from chatrec.extract.describe import readable_data_errors
from chatrec.extract.extraction import snapshot
from tests.support.databases import connect

ADMIN = "terminating connection due to administrator command"
VALUE = "Zora Quux, card 4111"


def engine_of(url: str, options: str = "") -> Engine:
    given = make_url(url).update_query_dict({"options": options} if options else {})
    return engines._engine(address("source.url", given.render_as_string(hide_password=False)), "chatrec test")


def lost(url: str, work: Callable[[Engine], object], options: str = "") -> ChatrecError:
    """The error of work on a connection that the server ends."""
    engine = engine_of(url, options)
    with pytest.raises(ChatrecError) as caught, engines.readable_errors("source.url", engine.url):
        work(engine)
    engine.dispose()
    return caught.value


def kill(url: str, pid: int) -> None:
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


def asleep(url: str) -> Callable[[Engine], None]:
    def work(engine: Engine) -> None:
        with engines.cursor(engine) as cursor:
            pid = cursor.connection.info.backend_pid
            threading.Timer(0.2, kill, (url, pid)).start()
            cursor.execute("SELECT pg_sleep(60)")

    return work


def idle_in_a_snapshot(url: str) -> Callable[[Engine], None]:
    def work(engine: Engine) -> None:
        with snapshot(engine) as cursor:
            kill(url, cursor.connection.info.backend_pid)
            cursor.execute("SELECT 1")

    return work


def reading(url: str) -> Callable[[Engine], None]:
    def work(engine: Engine) -> None:
        with snapshot(engine) as cursor:
            pid = cursor.connection.info.backend_pid
            threading.Timer(0.2, kill, (url, pid)).start()
            rows = sql.SQL("SELECT pg_sleep(0.1)::text AS a FROM generate_series(1, 600)")
            copy_out(cursor, rows, ["a"], lambda block: None, 1)

    return work


def writing(url: str) -> Callable[[Engine], None]:
    def work(engine: Engine) -> None:
        with engines.cursor(engine) as cursor:
            pid = cursor.connection.info.backend_pid

            def frames() -> Iterator[pl.DataFrame]:
                for _ in range(9):
                    yield pl.DataFrame({"a": range(10_000)})
                kill(url, pid)
                for _ in range(9):
                    yield pl.DataFrame({"a": range(10_000)})

            cursor.execute("CREATE TEMPORARY TABLE t (a bigint)")
            copy_in(cursor, sql.Identifier("t"), ["a"], frames())

    return work


def in_a_transaction(url: str) -> Callable[[Engine], None]:
    def work(engine: Engine) -> None:
        with engine.begin() as connection:
            kill(url, connection.scalar(text("SELECT pg_backend_pid()")))
            connection.execute(text("SELECT 1"))

    return work


@pytest.mark.parametrize("work", [asleep, idle_in_a_snapshot, reading, writing, in_a_transaction])
def test_the_reason_is_shown(
    work: Callable[[str], Callable[[Engine], None]], server: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = lost(server, work(server))
    assert isinstance(error, TransientError)
    assert f"broke off: {ADMIN}" in str(error)
    assert "connection already closed" not in str(error)
    assert "Traceback" not in capfd.readouterr().err
    assert f"broke off: {ADMIN}" in recorded(error)


@pytest.mark.parametrize(
    ("name", "statements"),
    [
        ("statement_timeout", ["SELECT pg_sleep(60)"]),
        ("transaction_timeout", ["SELECT pg_sleep(60)"]),
        ("idle_in_transaction_session_timeout", ["SELECT 1", "\\sleep", "SELECT 1"]),
    ],
)
def test_a_timeout_says_which_setting_to_change(name: str, statements: list[str], server: str) -> None:
    def work(engine: Engine) -> None:
        with snapshot(engine) as cursor:
            for statement in statements:
                if statement == "\\sleep":
                    threading.Event().wait(0.3)
                else:
                    cursor.execute(statement)

    error = lost(server, work, f"-c {name}=100ms")
    assert isinstance(error, TransientError)
    assert f'ALTER ROLE "postgres" SET {name} = 0' in str(error)


def test_a_lock_is_not_waited_for_without_end(server: str, configure: Callable[..., Any]) -> None:
    settings = configure()
    with engines.open_database(settings, "chatrec test") as engine, engines.cursor(engine) as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("5min",)

    def work(engine: Engine) -> None:
        with engine.begin() as one, engine.begin() as two:
            one.execute(text("SELECT pg_advisory_xact_lock(78)"))
            two.execute(text("SET LOCAL lock_timeout = 10"))
            two.execute(text("SELECT pg_advisory_xact_lock(78)"))

    error = lost(server, work)
    assert isinstance(error, TransientError)
    assert "Another transaction keeps a lock" in str(error)


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT '{VALUE}'::float8",
        f"SELECT ('2026-' || '{VALUE}')::timestamptz",
        f"SELECT ('{{' || '{VALUE}')::jsonb",
        f"DO $$ BEGIN RAISE 'no such card: %', '{VALUE}'; END $$",
        f"DO $$ BEGIN RAISE 'not for %', '{VALUE}' USING ERRCODE = '42501'; END $$",
        f"DO $$ BEGIN RAISE 'gone' USING ERRCODE = '57014', DETAIL = '{VALUE}'; END $$",
        f"CREATE TEMPORARY TABLE u (email text UNIQUE); INSERT INTO u VALUES ('{VALUE}'), ('{VALUE}')",
        f"CREATE TEMPORARY TABLE u (email text CHECK (email = '')); INSERT INTO u VALUES ('{VALUE}')",
        f"CREATE TEMPORARY TABLE u (email varchar(3)); INSERT INTO u VALUES ('{VALUE}')",
    ],
)
def test_a_value_of_a_row_is_in_the_error_and_not_in_the_records(statement: str, server: str) -> None:
    """Whether it is an error of the driver, of chatrec, or one of each."""

    def work(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement.replace("%", "%%"))

    error = lost(server, work)
    assert not {"Zora", "Quux"} & set(re.findall("[A-Za-z]+", recorded(error)))
    assert "SQLSTATE" in recorded(error)
    assert "sqlalche" not in str(error)

    engine = engine_of(server)
    with (
        pytest.raises((psycopg2.Error, ChatrecError)) as caught,
        readable_data_errors("interactions"),
        engines.cursor(engine) as cursor,
    ):
        cursor.execute(statement)
    engine.dispose()
    assert not {"Zora", "Quux"} & set(re.findall("[A-Za-z]+", recorded(caught.value)))
    if isinstance(caught.value, ChatrecError):
        assert recorded(caught.value).startswith("source.interactions fails on your data: ")


def test_names_of_tables_and_columns_stay_in_the_records(server: str) -> None:
    error = lost(server, lambda engine: engine.connect().exec_driver_sql("SELECT no_such_column FROM pg_class"))
    assert isinstance(error, StatementRefused)
    assert "no_such_column" in recorded(error)
    assert recorded(SettingsError("ranking.top_n is 0.")) == "ranking.top_n is 0."
    assert recorded(ValueError(f"cannot convert {VALUE}")) == "Unexpected ValueError."
    assert recorded(OSError(28, "No space left on device", "/data/x")).startswith("[Errno 28] No space left")


def test_no_statement_and_no_value_is_in_a_traceback(server: str) -> None:
    import traceback

    def work(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT 'in the statement', 1 / CAST(:value AS int)"), {"value": "0"})

    error = lost(server, work)
    said = "".join(traceback.format_exception(error))
    assert "division by zero" in said
    assert "sqlalchemy.exc" not in said
    assert "[SQL" not in said
