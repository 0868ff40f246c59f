"""Reading of the published tables, for `Client`, the command line and the pages."""

import csv
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, ProgrammingError

from chatrec.config import Settings
from chatrec.db import embedded
from chatrec.db.engine import database_url
from chatrec.errors import RunError, SettingsError

Row = TypeVar("Row", "Recommendation", "SimilarItem")
ID_TYPE = text("""
    SELECT format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass('recommendations_kept') AND attname = :column
""")


@dataclass(frozen=True)
class Recommendation:
    """A row of a user's list."""

    user_id: Any
    rank: int
    """From 1, the best."""
    item_id: Any
    title: str | None
    score: float
    """Estimated probability among all available items."""
    source: str | None
    """The model with the largest share of the score, or the fallback that made the list."""
    reason: Mapping[str, Any]
    """`because` and `because_item_id`, `group`, `blurb`, and `evidence`, the share of each model in the score."""

    @property
    def because(self) -> str | None:
        """Title of the item of the user's history with the largest contribution, if there is one."""
        return self.reason.get("because")


@dataclass(frozen=True)
class SimilarItem:
    """A row of the items similar to an item."""

    item_id: Any
    rank: int
    similar_item_id: Any
    title: str | None
    score: float


@dataclass(frozen=True)
class RankedItem:
    """A row of popular or trending items, or of the items for a search."""

    rank: int
    item_id: Any
    title: str | None
    score: float


def id_type(connection: Connection, column: str) -> str:
    """Returns the PostgreSQL type of `user_id` or `item_id`.

    Raises:
        SettingsError: If the tables do not exist.
    """
    name = connection.scalar(ID_TYPE, {"column": column})
    if name is None:
        raise SettingsError("There are no tables yet: run `chatrec db migrate`, then `chatrec run`.")
    return str(name)


def list_of(connection: Connection, user: Any, key: str | None = None) -> list[Recommendation]:
    """Returns a user's list, of the live run or an older one; empty if there is no such user.

    Args:
        connection: Connection to chatrec's tables.
        user: User id, also as text.
        key: Key of an older run that is kept; None for the live run.

    Raises:
        RunError: If `user` is not a valid id of this database.
        SettingsError: If the tables do not exist.
    """
    source = "recommendations_at(CAST(:key AS text))" if key else "recommendations"
    columns = "user_id, rank, item_id, title, score, source, coalesce(reason, '{}') AS reason"
    return _rows(connection, Recommendation, f"SELECT {columns} FROM {source}", "user_id", user, key=key)


def similar_items(connection: Connection, item: Any) -> list[SimilarItem]:
    """Returns the items similar to an item, the most similar first. Arguments and errors as in `list_of`."""
    select = "SELECT item_id, rank, similar_item_id, title, score FROM similar_items"
    return _rows(connection, SimilarItem, select, "item_id", item)


def popular(connection: Connection, group: str | None = None) -> list[RankedItem]:
    """Returns the most popular items of a group, or of the catalogue if `group` is None."""
    select = "SELECT rank, item_id, title, score FROM popular"
    return _ranked(connection, f"{select} WHERE {'name = :value' if group else 'group_id IS NULL'}", group)


def trending(connection: Connection) -> list[RankedItem]:
    """Returns the trending items."""
    return _ranked(connection, "SELECT rank, item_id, title, score FROM trending")


def search(connection: Connection, query: str) -> list[RankedItem]:
    """Returns the items for a frequent search; empty for other searches.

    Args:
        connection: Connection to chatrec's tables.
        query: The search, in any case and spacing.
    """
    for _ in range(2):  # as the extraction does: a lower-case letter may compose where its capital does not
        query = unicodedata.normalize("NFKC", query).lower()
    select = "SELECT rank, item_id, title, score FROM query_recommendations WHERE query = :value"
    return _ranked(connection, select, " ".join(query.split()))


def _rows(
    connection: Connection, kind: type[Row], select: str, column: str, value: Any, **values: str | None
) -> list[Row]:
    """Selects the rows of an id, in the order of their rank."""
    of_type = id_type(connection, column)
    statement = text(f"{select} WHERE {column} = CAST(:value AS {of_type}) ORDER BY rank")
    given = {name: parameter for name, parameter in values.items() if parameter is not None}
    try:
        rows = connection.execute(statement, {"value": str(value), **given})
    except DataError:
        raise RunError(f"Invalid {column.replace('_', ' ')} {str(value)!r}: expected {of_type}.") from None
    return [kind(**row._mapping) for row in rows]


def _ranked(connection: Connection, select: str, value: str | None = None) -> list[RankedItem]:
    try:
        rows = connection.execute(text(f"{select} ORDER BY rank"), {} if value is None else {"value": value})
    except DataError:  # a text that the database cannot hold is in no table
        return []
    return [RankedItem(**row._mapping) for row in rows]


def write_csv(engine: Engine, query: str, out: TextIO) -> None:
    """Runs a statement and writes its rows as CSV, with a header.

    Raises:
        RunError: If PostgreSQL rejects the statement.
    """
    writer = csv.writer(out, lineterminator="\n")
    with engine.begin() as connection:
        try:
            result = connection.execution_options(
                stream_results=query.lstrip()[:6].lower() == "select"
            ).exec_driver_sql(query.replace("%", "%%"))
        except (ProgrammingError, DataError) as error:
            raise RunError(f"PostgreSQL does not accept the statement: {' '.join(str(error.orig).split())}") from None
        if result.returns_rows:
            writer.writerow(result.keys())
            writer.writerows(result)


def open_psql(settings: Settings) -> int:
    """Opens psql on the database and returns its exit code. The password is not visible in the process list."""
    url = database_url(settings)
    bundled = embedded.binaries(settings.database.folder) / "psql" if not settings.database.url else None
    program = str(bundled) if bundled and bundled.exists() else shutil.which("psql")
    if program is None:
        raise SettingsError('psql is not installed; `chatrec sql "select …"` works without it.')
    address = url.set(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, "PGOPTIONS": f"-c search_path={settings.database.schema_name},public"}
    if url.password:
        environment["PGPASSWORD"] = url.password
    return subprocess.call([program, address], env=environment)
