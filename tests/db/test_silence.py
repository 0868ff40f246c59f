"""A database that falls silent is noticed, and one that works for long is waited for, with a word about it."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import polars as pl
import pytest
from psycopg2 import sql
from sqlalchemy import Engine, text

from chatrec.db import engine as engines
from chatrec.db import libpq, silence
from chatrec.db.address import address
from chatrec.db.copy import copy_in
from chatrec.errors import DatabaseUnavailable
from tests.support.databases import connect
from tests.support.proxy import Proxy


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that takes minutes takes parts of a second."""
    monkeypatch.setattr(silence, "WATCH", silence.Watch(first=0.2, every=0.2, again=0.2, patience=2))
    monkeypatch.setattr(libpq, "PATIENCE_SECONDS", 0.4)


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    with Proxy(server) as made:
        yield made


def engine_of(url: str) -> Engine:
    return engines._engine(address("database.url", f"{url}?connect_timeout=2"), "chatrec test")


def asleep(engine: Engine, then: Callable[[], None]) -> None:
    with engines.cursor(engine) as cursor:
        cursor.execute("SELECT 1")
        then()
        cursor.execute("SELECT 1")


def sending(engine: Engine, then: Callable[[], None]) -> None:
    def frames() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [1]})
        then()
        yield pl.DataFrame({"a": [2]})

    with engines.cursor(engine) as cursor:
        cursor.execute("CREATE TEMPORARY TABLE t (a bigint)")
        copy_in(cursor, sql.Identifier("t"), ["a"], frames())


@pytest.mark.parametrize("work", [asleep, sending])
def test_a_database_that_falls_silent_is_unavailable(
    work: Callable[..., None], proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_of(proxy.url())
    with (
        caplog.at_level(logging.INFO, "chatrec"),
        pytest.raises(DatabaseUnavailable, match=r"database\.url .* broke off"),
        engines.readable_errors("database.url", engine.url),
    ):
        work(engine, proxy.silence)
    assert "PostgreSQL has not answered chatrec test" in caplog.text
    engine.dispose()


def test_an_answer_that_does_not_arrive_is_not_waited_for(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    """New connections pass: the server says that it has long answered."""
    engine = engine_of(proxy.url())
    with (
        caplog.at_level(logging.INFO, "chatrec"),
        pytest.raises(DatabaseUnavailable, match=r"broke off"),
        engines.readable_errors("database.url", engine.url),
    ):
        asleep(engine, lambda: proxy.silence(also_new=False))
    assert "the answer did not arrive" in caplog.text
    engine.dispose()


def test_a_statement_that_takes_long_is_waited_for(server: str, caplog: pytest.LogCaptureFixture) -> None:
    """And the log says behind whose lock it waits."""
    engine = engines._engine(address("database.url", server), "chatrec test")
    said = threading.Event()

    class Heard(logging.Handler):
        def emit(self, record: Any) -> None:
            if "behind psql" in record.getMessage():
                said.set()

    heard = Heard()
    logging.getLogger("chatrec").addHandler(heard)
    with caplog.at_level(logging.INFO, "chatrec"), closing(connect(server)) as other, other.cursor() as cursor:
        cursor.execute("SET application_name = 'psql'")
        cursor.execute("SELECT pg_advisory_lock(77)")

        def let_go() -> None:
            said.wait(60)
            cursor.execute("SELECT pg_advisory_unlock(77)")

        waiting = threading.Thread(target=let_go)
        waiting.start()
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(77)"))
        waiting.join()
    logging.getLogger("chatrec").removeHandler(heard)
    assert "Waiting for PostgreSQL" in caplog.text
    engine.dispose()
