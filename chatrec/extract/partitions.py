"""Daily partitions: one Parquet file per day of events, named by the digest of its rows and shared between runs.

A run asks the server for the digest of every day (one scan, in the snapshot's transaction) and copies only the days
without a file. So an incremental run has the same data as a full one by construction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import sql

from chatrec.db import sql_files
from chatrec.db.copy import copy_out
from chatrec.extract.bounds import microseconds, time_column, weight_column
from chatrec.extract.mapping import SourceQuery, id_column, id_order, is_integer
from chatrec.extract.schema import RowGroups
from chatrec.runs.run import replacing
from chatrec.runtime.progress import progress

NO_DAY = "none"
DAY = f"coalesce(CASE WHEN isfinite(occurred_at) THEN (occurred_at)::date::text END, '{NO_DAY}')"
COLUMNS = ("day", "user_id", "item_id", "event", "weight", "occurred_at")


@dataclass(frozen=True)
class DailyPartition:
    """A day of events as it is in the source database."""

    day: str
    events: int
    hash: str

    @property
    def name(self) -> str:
        """Name of the file; equal names mean equal rows."""
        return f"{self.day}.{self.events}.{self.hash}.parquet"


def partition_folder(root: Path) -> Path:
    """Folder of the daily partitions of all runs."""
    return root / "events"


def read_partitions(
    cursor: Any, mapped: SourceQuery, folder: Path, full: bool, block_bytes: int
) -> tuple[list[DailyPartition], list[DailyPartition]]:
    """Update the daily partitions.

    Args:
        cursor: psycopg2 cursor in the snapshot's transaction, with the time zone UTC.
        mapped: The SELECT of interactions.
        folder: Folder of the partitions.
        full: Whether to read every day again.
        block_bytes: Approximate size of a block of text.

    Returns:
        All days, and the days that were read.
    """
    variables = _variables(cursor, mapped)
    cursor.execute(sql_files.read("queries/day_digests.sql", variables))
    partitions = [DailyPartition(day, events, str(digest)) for day, events, digest in cursor.fetchall()]
    changed = [partition for partition in partitions if full or not (folder / partition.name).exists()]
    if changed:
        days = sql.Literal([partition.day for partition in changed]).as_string(cursor)
        query = sql.SQL(sql_files.read("queries/events_of_days.sql", {**variables, "days": days}))
        integer_ids = [is_integer(mapped.types[name]) for name in ("user_id", "item_id")]
        _write(cursor, query, changed, folder, integer_ids, block_bytes)
    return partitions, changed


def events_select(cursor: Any, mapped: SourceQuery) -> str:
    """SELECT of the events with all columns of the contract; those that are not mapped are NULL."""
    columns = [id_column(name, mapped.types[name]).as_string(cursor) + f" AS {name}" for name in ("user_id", "item_id")]
    optional = {
        "event": ("text", "event::text"),
        "weight": ("float8", weight_column("weight", mapped.types.get("weight", ""))),
        "occurred_at": ("timestamptz", time_column("occurred_at")),
    }
    for name, (kind, column) in optional.items():
        columns.append(f"{column if name in mapped.types else f'NULL::{kind}'} AS {name}")
    return f"SELECT {', '.join(columns)} FROM (\n{mapped.select}\n) AS given"


def _variables(cursor: Any, mapped: SourceQuery) -> Mapping[str, str]:
    return {
        "day": DAY,
        "microseconds": microseconds("occurred_at"),
        "interactions": events_select(cursor, mapped),
        "user_order": id_order("user_id", mapped.types["user_id"]).as_string(cursor),
        "item_order": id_order("item_id", mapped.types["item_id"]).as_string(cursor),
    }


def _write(
    cursor: Any,
    query: sql.Composable,
    partitions: Sequence[DailyPartition],
    folder: Path,
    integer_ids: Sequence[bool],
    block_bytes: int,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(partition.events for partition in partitions)
    with progress("Reading events", total, "events") as shown:
        files = _Files(
            {partition.day: folder / partition.name for partition in partitions}, partition_schema(*integer_ids)
        )

        def write(block: pa.Table) -> None:
            files.write(block)
            shown.advance(block.num_rows)

        with files:
            copy_out(cursor, query, COLUMNS, write, block_bytes)


def partition_schema(integer_users: bool, integer_items: bool) -> pa.Schema:
    """Schema of a daily partition: rows as read, invalid ones included, text ids as bytes."""
    return pa.schema(
        [
            ("user_id", pa.int64() if integer_users else pa.binary()),
            ("item_id", pa.int64() if integer_items else pa.binary()),
            ("event", pa.binary()),
            ("weight", pa.float64()),
            ("occurred_at", pa.int64()),
        ]
    )


class _Files:
    """Writes rows that arrive in the order of days; one day's file is open at a time."""

    def __init__(self, names: Mapping[str, Path], schema: pa.Schema) -> None:
        self.names = names
        self.schema = schema
        self._day: str | None = None
        self._scope: Any = None
        self._file: RowGroups | None = None

    def write(self, block: pa.Table) -> None:
        days = pc.run_end_encode(block["day"].combine_chunks().cast(pa.string()))
        start = 0
        for day, end in zip(days.values.to_pylist(), days.run_ends.to_pylist(), strict=True):
            if day != self._day:
                self._open(day)
            assert self._file is not None
            self._file.write(_typed(block.slice(start, end - start), self.schema))
            start = end

    def _open(self, day: str) -> None:
        self._close()
        self._day = day
        self._scope = replacing(self.names[day])
        self._file = RowGroups(self._scope.__enter__(), self.schema)

    def _close(self, *failure: Any) -> None:
        if self._file is not None:
            self._file.close()
            self._scope.__exit__(*(failure or (None, None, None)))
        self._file = None

    def __enter__(self) -> None:
        return None

    def __exit__(self, *failure: Any) -> None:
        self._close(*failure)


def _typed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Cast PostgreSQL's text to the types of the schema."""
    columns = [
        rows[field.name] if field.type == pa.binary() else rows[field.name].cast(pa.string()).cast(field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def scan(folder: Path, names: Sequence[str]) -> pl.LazyFrame:
    """Scan the events of some daily partitions, in their order.

    Args:
        folder: Folder of the partitions.
        names: Names of the files.
    """
    return pl.scan_parquet([folder / name for name in names])
