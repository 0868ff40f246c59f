"""Database access of the pages: read-only connections with readable errors."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, ProgrammingError

from chatrec.config import Settings
from chatrec.db import engine as engines
from chatrec.db.search_path import SET_PATH
from chatrec.errors import DatabaseUnavailable, SettingsError, StatementRefused, TransientError

LOG = logging.getLogger("chatrec")


class Unreadable(SettingsError):
    """Raised when data of a page cannot be read. The message is for all who see the page: no host and no role."""


class Reader:
    """Read-only connections to chatrec's tables and to the source tables, kept between requests."""

    def __init__(self, load: Callable[[], Settings]) -> None:
        self._load = load

    @cached_property
    def settings(self) -> Settings:
        """Settings of this deployment, loaded once; a change requires a restart of the API server."""
        return self._load()

    @cached_property
    def _engine(self) -> Engine:
        return engines.read_only(self.settings, "chatrec pages")

    @cached_property
    def _source(self) -> Engine:
        return engines.read_only(self.settings, "chatrec pages", of_source=True)

    @contextmanager
    def chatrec(self) -> Iterator[Connection]:
        """Yield a connection to chatrec's tables; all statements of a block see the same snapshot.

        Raises:
            ChatrecError: If the database does not answer, or the role lacks a permission.
        """
        hint = "`chatrec db migrate` creates the tables, `chatrec db roles` the role that may read them."
        with _readable("pages.url" if self.settings.pages.url else "database.url", self._engine, hint) as connection:
            yield connection

    @contextmanager
    def source(self) -> Iterator[Connection]:
        """Yield a connection to the source tables."""
        hint = "GRANT SELECT on the tables of source.interactions to the role of the pages to see histories."
        with _readable("source.url" if self.settings.source.url else "pages.url", self._source, hint) as connection:
            connection.exec_driver_sql(SET_PATH)
            yield connection


@contextmanager
def _readable(setting: str, engine: Engine, hint: str) -> Iterator[Connection]:
    try:
        with engines.readable_errors(setting, engine.url), _connection(setting, engine, hint) as connection:
            yield connection
    except Unreadable:
        raise
    except (SettingsError, TransientError, StatementRefused) as error:
        LOG.error("%s", error)
        message = f"The database of {setting} cannot be read now. The log of the API server says why."
        raise DatabaseUnavailable(message) from error


@contextmanager
def _connection(setting: str, engine: Engine, hint: str) -> Iterator[Connection]:
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection
    except (ProgrammingError, DataError) as error:
        reason = str(error.orig).split("\n")[0]
        raise Unreadable(f"The data of this page cannot be read over {setting}: {reason}. {hint}") from error
