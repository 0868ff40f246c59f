"""Connections to PostgreSQL and translation of their errors."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from chatrec.config import Settings
from chatrec.db import embedded, rights
from chatrec.errors import DatabaseUnavailable, SettingsError, TransientError

DRIVER = "postgresql+psycopg2"
WRONG_SETTINGS = ("authentication failed", "does not exist", "no password supplied", "no pg_hba.conf entry")
READ_ONLY_TIMEOUT_MS = 5_000
TRANSIENT_CLASSES = ("08", "40", "53", "55", "57")
"""SQLSTATE classes: connection lost, rolled back, out of resources, lock not available, shut down."""


def database_url(settings: Settings) -> URL:
    """URL of the database of chatrec's tables; starts the embedded one if none is configured."""
    url = settings.database.url or embedded.start(settings.database.folder)
    return make_url(url).set(drivername=DRIVER)


def source_url(settings: Settings) -> URL:
    """URL of the database that the mapping SELECTs read."""
    return make_url(settings.source.url).set(drivername=DRIVER) if settings.source.url else database_url(settings)


def database(settings: Settings, purpose: str = "chatrec") -> Engine:
    """Create an engine with chatrec's schema first in the search path.

    Args:
        settings: `database.url` and `database.schema_name` are used.
        purpose: Application name in `pg_stat_activity`, completed by the host and the process.
    """
    engine = _engine(database_url(settings), purpose)
    schema = sql.Identifier(settings.database.schema_name)

    @event.listens_for(engine, "connect")
    def _search_path(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            rights.refuse_unusable(cursor, settings.database.schema_name)
            cursor.execute(sql.SQL("SET search_path TO {}, public").format(schema))
        connection.commit()

    return engine


@contextmanager
def open_database(settings: Settings, purpose: str) -> Iterator[Engine]:
    """Yield an engine on chatrec's tables, with errors translated by `readable_errors`."""
    name = purpose if purpose.startswith("chatrec") else f"chatrec {purpose}"
    url = database_url(settings)
    engine = database(settings, name)
    try:
        with readable_errors("database.url", url):
            yield engine
    finally:
        engine.dispose()


def source(settings: Settings, purpose: str = "chatrec extract") -> Engine:
    """Create an engine on the source tables, with the connection's own search path."""
    return _engine(source_url(settings), purpose)


def read_only(settings: Settings, purpose: str, of_source: bool = False) -> Engine:
    """Create a read-only engine with a short statement timeout, for pages.

    Args:
        settings: `pages.url` is used, else `database.url`.
        purpose: Application name in `pg_stat_activity`.
        of_source: Whether to connect to the source tables at `source.url`, with the connection's own search path.
    """
    chosen = settings.source.url if of_source and settings.source.url else settings.pages.url
    url = make_url(chosen).set(drivername=DRIVER) if chosen else database_url(settings)
    return read_only_at(url, None if of_source else settings.database.schema_name, purpose)


def read_only_at(url: URL, schema: str | None, purpose: str) -> Engine:
    """Create a read-only engine with a short statement timeout.

    Args:
        url: URL of the database.
        schema: Schema to search first; None for the connection's own search path.
        purpose: Application name in `pg_stat_activity`.
    """
    engine = _engine(url.set(drivername=DRIVER), purpose)

    @event.listens_for(engine, "connect")
    def _careful(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute("SET statement_timeout = %s", (READ_ONLY_TIMEOUT_MS,))
            if schema:
                rights.refuse_unusable(cursor, schema, read_only=True)
                cursor.execute(sql.SQL("SET search_path TO {}, public").format(sql.Identifier(schema)))
        connection.commit()

    return engine


@contextmanager
def cursor(engine: Engine, autocommit: bool = False) -> Iterator[Any]:
    """Yield a psycopg2 cursor; commits when the block succeeds."""
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    try:
        connection.autocommit = autocommit
        with connection.cursor() as opened:
            yield opened
        if not autocommit:
            connection.commit()
    finally:
        if not autocommit:
            connection.rollback()
        connection.autocommit = False
        pooled.close()


def _engine(url: URL, purpose: str) -> Engine:
    name = f"{purpose} ({socket.gethostname()} pid {os.getpid()})"[:63]
    return create_engine(
        url,
        connect_args={"application_name": name, "connect_timeout": 10},
        client_encoding="utf8",
        hide_parameters=True,
        pool_size=2,
        pool_pre_ping=True,
    )


@contextmanager
def readable_errors(setting: str, url: URL) -> Iterator[None]:
    """Translate errors of the driver into chatrec's errors.

    Args:
        setting: The setting that names the database.
        url: The database, shown without its password.

    Raises:
        SettingsError: If user, password or database name are wrong, the role lacks a right, or the database cannot be
            written.
        DatabaseUnavailable: If there is no connection, or it was lost.
        TransientError: If a deadlock, a serialization failure, too many connections or the like occurred.
    """
    try:
        yield
    except (DBAPIError, psycopg2.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = " ".join(str(cause).split()).rstrip(".?")
        where = url.render_as_string(hide_password=True)
        code = getattr(cause, "pgcode", None)
        if code is None and any(word in reason for word in WRONG_SETTINGS):
            raise SettingsError(f"{setting} ({where}) is refused: {reason}. Correct {setting}.") from None
        if code is None and isinstance(cause, (psycopg2.OperationalError, psycopg2.InterfaceError)):
            raise DatabaseUnavailable(
                f"The database of {setting} ({where}) does not answer: {reason}. "
                "Is it running, and reachable from here?"
            ) from None
        if refusal := rights.refusal(cause, setting, where):
            raise refusal from None
        if code is not None and code[:2] in TRANSIENT_CLASSES:
            raise TransientError(f"The database of {setting} ({where}) broke off: {reason}") from error
        raise
