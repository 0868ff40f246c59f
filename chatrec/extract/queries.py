"""Extract recent search queries into Parquet: by user, the newest first, a limited number per user.

The server filters out old queries and sorts the rest, so memory for one block suffices for a log of any length.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl
import pyarrow as pa
from psycopg2 import sql

from chatrec.data.interactions import DAY
from chatrec.db import sql_files
from chatrec.db.copy import copy_out
from chatrec.extract.bounds import microseconds, time_as_text, time_column
from chatrec.extract.mapping import SourceQuery, id_column, id_order
from chatrec.extract.quarantine import Quarantine, decode_block
from chatrec.extract.schema import QUERIES, QUERIES_SCHEMA, RowGroups
from chatrec.extract.validation import NO_KEYS, Keys, dense, first_broken, until, wrong_times
from chatrec.runtime.progress import progress

COLUMNS = ("user_id", "query", "occurred_at")


def normalised(texts: pl.Expr) -> pl.Expr:
    """Normalise queries: NFKC (Unicode Standard Annex 15), lower case, single spaces.

    NFKC is applied twice, because a lower-case letter may compose where its capital does not.
    """
    lower = texts.str.normalize("NFKC").str.to_lowercase().str.normalize("NFKC")
    return lower.str.replace_all(r"\s+", " ").str.strip_chars(" ")


def oldest_kept(days: int, *newest: int | None) -> int:
    """Start of the time window of queries, microseconds since 1970.

    Args:
        days: Length of the window, before the newest time.
        *newest: Newest times of events and of queries; None where there are none.
    """
    return max((moment for moment in newest if moment is not None), default=0) - days * DAY


class QueriesFile:
    """Writer of QUERIES. Takes queries by user, the newest first, and keeps the first valid ones of each user.

    Args:
        folder: Folder of the snapshot.
        users: Ids of USERS, in their order.
        per_user: Maximum number of queries per user.
        now: Time of the snapshot, microseconds since 1970.
        quarantine: Quarantine for invalid queries.
        keys: Rules about ids and queries.
    """

    def __init__(
        self, folder: Path, users: pl.Series, per_user: int, now: int, quarantine: Quarantine, keys: Keys = NO_KEYS
    ) -> None:
        self.users = dense(users, "user_id", "user")
        self.per_user, self.now, self.quarantine, self.keys = per_user, now, quarantine, keys
        self.beyond = 0
        """Number of valid queries beyond the limit."""
        self._file = RowGroups(folder / QUERIES, QUERIES_SCHEMA)
        self._last_user, self._of_last_user = -1, 0

    def write(self, rows: pl.DataFrame, not_utf8: pl.Series) -> None:
        """Add queries.

        Args:
            rows: Columns user_id as in USERS, query, and occurred_at in microseconds since 1970.
            not_utf8: Mask of the rows that are not UTF-8.
        """
        joined = (
            rows.with_columns(not_utf8=not_utf8, key=normalised(pl.col("query")))
            .join(self.users, on="user_id", how="left", maintain_order="left")
            .with_columns(reason=self._reason())
        )
        bad = joined.filter(pl.col("reason").is_not_null())
        self.quarantine.add("queries", bad.select("user_id", "query", time_as_text()), bad["reason"])
        good = joined.filter(pl.col("reason").is_null())
        kept = self._newest(good)
        self.beyond += good.height - kept.height
        self._file.write(kept.select("user", pl.col("key").alias("query"), "occurred_at").to_arrow())

    def _reason(self) -> pl.Expr:
        rules = {
            "user_id is null": pl.col("user_id").is_null(),
            "query is null": pl.col("query").is_null(),
            "not UTF-8": pl.col("not_utf8"),
            "query is empty": pl.col("key") == "",
            **self.keys.unfit("query", pl.col("key")),
            **wrong_times(self.now),
            **(self.keys.rules("user_id") if self.users.schema["user_id"] == pl.String else {}),
            "unknown user": pl.col("user").is_null(),
        }
        return first_broken(rules)

    def _newest(self, good: pl.DataFrame) -> pl.DataFrame:
        """The queries within the limit of their user, whose first queries may be in an earlier block."""
        if good.is_empty():
            return good
        before = pl.when(pl.col("user") == self._last_user).then(self._of_last_user).otherwise(0)
        ranked = good.with_columns(rank=pl.int_range(pl.len()).over("user") + before)
        self._last_user, self._of_last_user = ranked["user"][-1], ranked["rank"][-1] + 1
        return ranked.filter(pl.col("rank") < self.per_user)

    @property
    def rows(self) -> int:
        """Number of queries kept."""
        return self._file.rows

    def __enter__(self) -> "QueriesFile":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


def read_queries(
    cursor: Any, mapped: SourceQuery, file: QueriesFile, days: int, newest_event: int | None, block_bytes: int
) -> int:
    """Stream the queries of the last days.

    Args:
        cursor: psycopg2 cursor in the snapshot's transaction, with the time zone UTC.
        mapped: The SELECT of queries.
        file: Writer of the queries.
        days: Length of the time window, before the newest event or query of the snapshot.
        newest_event: Time of the newest event, microseconds since 1970; None without events.
        block_bytes: Approximate size of a block of text.

    Returns:
        Number of queries that were too old.
    """
    variables = _variables(cursor, mapped)
    cursor.execute(sql_files.read("queries/newest_query.sql", {**variables, "until": str(until(file.now))}))
    total, newest = cursor.fetchone()
    since = oldest_kept(days, newest, newest_event)
    query = sql.SQL(sql_files.read("queries/recent_queries.sql", {**variables, "since": str(since)}))
    id_type = file.users.schema["user_id"]
    with progress("Reading queries", total, "queries") as shown:

        def write(block: pa.Table) -> None:
            texts, not_utf8 = decode_block(block)
            file.write(
                texts.with_columns(pl.col("user_id").cast(id_type), pl.col("occurred_at").cast(pl.Int64)), not_utf8
            )
            shown.advance(block.num_rows)

        return int(total) - copy_out(cursor, query, COLUMNS, write, block_bytes)


def _variables(cursor: Any, mapped: SourceQuery) -> Mapping[str, str]:
    kind = mapped.types["user_id"]
    user = id_column("user_id", kind).as_string(cursor)
    time = microseconds(f"({time_column('occurred_at')})")
    return {
        "queries": f"SELECT {user} AS user_id, query::text AS query, {time} AS occurred_at "
        f"FROM (\n{mapped.select}\n) AS given",
        "user_order": id_order("user_id", kind).as_string(cursor),
    }
