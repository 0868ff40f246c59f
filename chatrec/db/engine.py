"""Connections to PostgreSQL and translation of their errors."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from chatrec.config import Settings
from chatrec.db import embedded, rights, silence
from chatrec.db.address import DRIVER, address, arguments
from chatrec.db.address import shown as shown
from chatrec.db.failures import LOCK_SECONDS, connect, keep_reason, translated

READ_ONLY_TIMEOUT_MS = 5_000


def database_url(settings: Settings) -> URL:
    """URL of the database of chatrec's tables; starts the embedded one if none is configured.

    Raises:
        SettingsError: If `database.url` is wrong.
    """
    return address("database.url", settings.database.url or embedded.start(settings.database.folder))


def source_url(settings: Settings) -> URL:
    """URL of the database that the mapping SELECTs read.

    Raises:
        SettingsError: If `source.url` is wrong.
    """
    return address("source.url", settings.source.url) if settings.source.url else database_url(settings)


def database(settings: Settings, purpose: str = "chatrec") -> Engine:
    """Create an engine with chatrec's schema first in the search path.

    Args:
        settings: `database.url` and `database.schema_name` are used.
        purpose: Application name in `pg_stat_activity`, completed by the host and the process.
    """
    engine = _engine(database_url(settings), purpose)
    path, timeout = _search_path(settings.database.schema_name), sql.Literal(LOCK_SECONDS * 1000)
    _set_in_transactions(engine, sql.SQL("SET LOCAL lock_timeout = {}; {}").format(timeout, path))
    _refuse_unusable(engine, settings.database.schema_name)
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
    if of_source and settings.source.url:
        url = source_url(settings)
    else:
        url = address("pages.url", settings.pages.url) if settings.pages.url else database_url(settings)
    return read_only_at(url, None if of_source else settings.database.schema_name, purpose)


def read_only_at(url: URL, schema: str | None, purpose: str) -> Engine:
    """Create a read-only engine with a short statement timeout.

    Args:
        url: URL of the database.
        schema: Schema to search first; None for the connection's own search path.
        purpose: Application name in `pg_stat_activity`.
    """
    engine = _engine(url, purpose)

    @event.listens_for(engine, "connect")
    def _read_only(connection: Any, _: object) -> None:
        connection.readonly = True  # the driver begins each transaction READ ONLY

    path, timeout = _search_path(schema) if schema else sql.SQL(""), sql.Literal(READ_ONLY_TIMEOUT_MS)
    _set_in_transactions(engine, sql.SQL("SET LOCAL statement_timeout = {}; {}").format(timeout, path))
    if schema:
        _refuse_unusable(engine, schema, read_only=True)
    return engine


def _refuse_unusable(engine: Engine, schema: str, read_only: bool = False) -> None:
    @event.listens_for(engine, "connect")
    def _refuse(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            rights.refuse_unusable(cursor, schema, read_only)
        connection.rollback()


def _search_path(schema: str) -> sql.Composed:
    return sql.SQL("SET LOCAL search_path TO {}, public").format(sql.Identifier(schema))


def _set_in_transactions(engine: Engine, statement: sql.Composable) -> None:
    """Executes SET LOCAL in each transaction. A SET would last: behind a pooler, other clients would inherit it."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            with driver_cursor(connection) as cursor:
                cursor.execute(statement)


@contextmanager
def cursor(engine: Engine, autocommit: bool = False) -> Iterator[Any]:
    """Yield a psycopg2 cursor in a transaction, which commits when the block succeeds.

    Args:
        engine: Engine of the database.
        autocommit: Whether each statement is a transaction of its own, without the engine's search path.
    """
    with engine.connect() as connection:
        if autocommit:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        driver = connection.connection.driver_connection
        with connection.begin(), lost_connections(driver), driver_cursor(connection) as opened:
            yield opened


def driver_cursor(connection: Connection) -> Any:
    """psycopg2 cursor in the transaction of a connection."""
    return connection.connection.cursor()


@contextmanager
def lost_connections(connection: Any) -> Iterator[None]:
    """Keep the server's reason in an error of the block that ends the connection."""
    try:
        yield
    except psycopg2.Error as error:
        keep_reason(connection, error)
        raise


def _engine(url: URL, purpose: str) -> Engine:
    name = f"{purpose} ({socket.gethostname()} pid {os.getpid()})"[:63]
    engine = create_engine(
        url.set(drivername=DRIVER), client_encoding="utf8", pool_size=2, pool_pre_ping=True, hide_parameters=True
    )

    values = {**arguments(url), "application_name": name}

    @event.listens_for(engine, "do_connect")
    def _connect(*_: object) -> Any:
        connection = connect(values)
        silence.WATCH.add(connection, values)
        return connection

    @event.listens_for(engine, "handle_error")
    def _keep_reason(context: Any) -> None:
        if context.connection is not None and not context.connection.closed and not context.connection.invalidated:
            keep_reason(context.connection.connection.driver_connection, context.original_exception)

    return engine


@contextmanager
def readable_errors(setting: str, url: URL) -> Iterator[None]:
    """Translate errors of the driver into chatrec's errors.

    Args:
        setting: The setting that names the database.
        url: The database, shown without its secrets.

    Raises:
        SettingsError: If the server refuses user, password, database or TLS, the role lacks a right, or the database
            cannot be written.
        DatabaseUnavailable: If there is no connection, or it was lost.
        TransientError: If a deadlock, a serialization failure, too many connections or the like occurred.
        StatementRefused: If PostgreSQL rejects a statement.
    """
    try:
        yield
    except (DBAPIError, psycopg2.Error) as error:  # the statement and its values are in no traceback
        raise translated(setting, url, error).with_traceback(error.__traceback__) from None
