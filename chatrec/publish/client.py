"""A client of the published tables, for a website or a notebook."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from chatrec.config import Settings, load
from chatrec.db import records
from chatrec.db.address import address
from chatrec.db.engine import database_url, read_only_at, readable_errors
from chatrec.db.records import RunRecord
from chatrec.errors import DataError, RunError, SettingsError
from chatrec.publish import read
from chatrec.publish.read import RankedItem, Recommendation, SimilarItem

T = TypeVar("T")


class Client:
    """Reads the published tables. Connections are read-only, kept between calls, and shared by threads.

    A call sees one complete run, also while another is published. Rows are frozen dataclasses;
    `polars.DataFrame(rows)` makes a frame of them.

    Args:
        database: URL of the database, such as `postgresql://reader@host/shop`, or the settings. By default the
            settings that the command finds.
        schema: Schema of chatrec's tables. With settings, theirs is used.

    Raises:
        SettingsError: If the URL is not valid. Calls raise it if the database refuses the user, the tables do not
            exist, or the user may not read them.
        DatabaseUnavailable: Raised by calls, if the database does not answer.

    Examples:
        >>> import chatrec
        >>> with chatrec.Client() as client:  # or Client("postgresql://reader@localhost/shop")
        ...     rows = client.recommend(1, k=3)
        >>> [row.rank for row in rows]
        [1, 2, 3]
    """

    def __init__(self, database: str | Settings | None = None, schema: str = "chatrec") -> None:
        database = load() if database is None else database
        if isinstance(database, Settings):
            self._url, schema, self._setting = database_url(database), database.database.schema_name, "database.url"
        else:
            self._url, self._setting = address("the URL", database), "the URL"
        self._engine = read_only_at(self._url, schema, "chatrec client")

    def recommend(self, user_id: Any, k: int | None = None, run: str | None = None) -> list[Recommendation]:
        """Return a user's list, the best item first.

        Args:
            user_id: User id, also as text.
            k: Maximum number of rows. By default the whole list.
            run: Key of an older run that is kept. By default the live run.

        Raises:
            RunError: If there is no list for the user, or the id is not valid.
        """
        with self._connection() as connection:
            rows = read.list_of(connection, user_id, run)
        if not rows:
            raise RunError(
                f"There is no list for user {user_id} in {f'run {run}' if run else 'the live run'}: it has lists for "
                "the active users that source.users returned. The tables popular and trending serve other visitors."
            )
        return _first(rows, k)

    def similar_items(self, item_id: Any, k: int | None = None) -> list[SimilarItem]:
        """Return the items similar to an item, the most similar first; empty if there are none.

        Args:
            item_id: Item id, also as text.
            k: Maximum number of rows. By default `tables.similar_items`.

        Raises:
            RunError: If the id is not valid.
        """
        with self._connection() as connection:
            return _first(read.similar_items(connection, item_id), k)

    def popular(self, k: int | None = None, group: str | None = None) -> list[RankedItem]:
        """Return the most popular items, also for visitors without a list.

        Args:
            k: Maximum number of rows. By default `tables.popular`.
            group: Name of a group. By default the whole catalogue.
        """
        with self._connection() as connection:
            return _first(read.popular(connection, group), k)

    def trending(self, k: int | None = None) -> list[RankedItem]:
        """Return the items with more interactions than usual; `k` as in `popular`."""
        with self._connection() as connection:
            return _first(read.trending(connection), k)

    def search(self, query: str, k: int | None = None) -> list[RankedItem]:
        """Return the items for a frequent search, in any case and spacing; empty for other searches."""
        with self._connection() as connection:
            return _first(read.search(connection, query), k)

    def live_run(self) -> RunRecord:
        """Return the live run.

        Raises:
            RunError: If no run is live yet.
        """
        with self._connection() as connection:
            live = records.live(connection)
        if live is None:
            raise RunError("No run is live yet: `chatrec run` publishes one.")
        return live

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with readable_errors(self._setting, self._url):
            try:
                with self._engine.connect() as connection:
                    yield connection
            except ProgrammingError as error:
                reason = str(error.orig).split("\n")[0]
                raise SettingsError(
                    f"The tables cannot be read: {reason}. `chatrec db migrate` creates them, `chatrec db roles` the "
                    "role that may read them."
                ) from error


def _first(rows: Sequence[T], k: int | None) -> list[T]:
    if k is not None and k < 1:
        raise DataError(f"k is {k}: a list has at least 1 row.")
    return list(rows[:k])
