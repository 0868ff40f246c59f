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

from chatrec.data.arrays import IntArray
from chatrec.db import sql_files
from chatrec.db.copy import copy_out
from chatrec.extract.bounds import microseconds, time_column, weight_column
from chatrec.extract.describe import changes_between_scans
from chatrec.extract.mapping import SourceQuery, id_column, is_integer, text_column
from chatrec.extract.schema import RowGroups
from chatrec.runs.files import discard, make_folder, partial_of
from chatrec.runs.sealed import is_intact, seal, stored_in
from chatrec.runtime.progress import progress

NO_DAY = "none"
DAY = f"coalesce(CASE WHEN isfinite(occurred_at) THEN (occurred_at)::date::text END, '{NO_DAY}')"
HASH = "hash_record_extended(ROW(user_id, item_id, event, weight, occurred_at), 0)"
DAYS_SEALED = 50
"""Days that are sealed at once. A killed extraction reads at most as many again."""
COLUMNS = ("day", "user_id", "item_id", "event", "weight", "occurred_at", "hash")


@dataclass(frozen=True)
class DailyPartition:
    """A day of events as it is in the source database."""

    day: str
    events: int
    hash: str

    @property
    def name(self) -> str:
        """Name that the file is sealed under; equal names mean equal rows."""
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

    Raises:
        MappingError: If a day does not have the rows of its digest when it is read.
    """
    variables = _variables(cursor, mapped)
    partitions = read_digests(cursor, mapped)
    stored = {} if full else _intact(folder, [partition.name for partition in partitions])
    changed = [partition for partition in partitions if partition.name not in stored]
    if changed:
        days = sql.Literal([partition.day for partition in changed]).as_string(cursor)
        query = sql.SQL(sql_files.read("queries/events_of_days.sql", {**variables, "days": days}))
        integer_ids = [is_integer(mapped.types[name]) for name in ("user_id", "item_id")]
        if not _write(cursor, query, changed, folder, integer_ids, block_bytes):
            raise changes_between_scans(mapped.relation)
    return partitions, changed


def read_digests(cursor: Any, mapped: SourceQuery) -> list[DailyPartition]:
    """Days of events, in their order, in one scan."""
    cursor.execute(sql_files.read("queries/day_digests.sql", _variables(cursor, mapped)))
    return [DailyPartition(day, events, str(digest)) for day, events, digest in cursor.fetchall()]


def refuse_changing(cursor: Any, mapped: SourceQuery) -> None:
    """Read the digests twice.

    Raises:
        MappingError: If they differ.
    """
    if read_digests(cursor, mapped) != read_digests(cursor, mapped):
        raise changes_between_scans(mapped.relation)


def events_select(cursor: Any, mapped: SourceQuery) -> str:
    """SELECT of the events with all columns of the contract; those that are not mapped are NULL.

    OFFSET keeps PostgreSQL from evaluating a column once for the hash and once more for the file.
    """
    columns = [id_column(name, mapped.types[name]).as_string(cursor) + f" AS {name}" for name in ("user_id", "item_id")]
    optional = {
        "event": ("text", text_column("event").as_string(cursor)),
        "weight": ("float8", weight_column("weight", mapped.types.get("weight", ""))),
        "occurred_at": ("timestamptz", time_column("occurred_at")),
    }
    for name, (kind, column) in optional.items():
        columns.append(f"{column if name in mapped.types else f'NULL::{kind}'} AS {name}")
    return f"SELECT {', '.join(columns)} FROM (\n{mapped.select}\n) AS given OFFSET 0"


def _intact(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Intact files by the name that they are sealed under. Damaged ones are set aside and read again."""
    stored = stored_in(folder)
    found = {name: [file for file in stored.get(folder / name, ()) if is_intact(file)] for name in names}
    return {name: files[0] for name, files in found.items() if files}


def _variables(cursor: Any, mapped: SourceQuery) -> Mapping[str, str]:
    return {
        "day": DAY,
        "microseconds": microseconds("occurred_at"),
        "hash": HASH,
        "interactions": events_select(cursor, mapped),
        "user_order": id_column("user_id", mapped.types["user_id"]).as_string(cursor),
        "item_order": id_column("item_id", mapped.types["item_id"]).as_string(cursor),
    }


def _write(
    cursor: Any,
    query: sql.Composable,
    partitions: Sequence[DailyPartition],
    folder: Path,
    integer_ids: Sequence[bool],
    block_bytes: int,
) -> bool:
    """Write the files of days; returns whether all days have the rows of their digests."""
    make_folder(folder)
    total = sum(partition.events for partition in partitions)
    with progress("Reading events", total, "events") as shown:
        files = _Files(partitions, folder, partition_schema(*integer_ids))

        def write(block: pa.Table) -> None:
            files.write(block)
            shown.advance(block.num_rows)

        with files:
            copy_out(cursor, query, COLUMNS, write, block_bytes)
    return files.kept == len(partitions)


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
    """Writes rows that arrive in the order of days; one day's file is open at a time, and many are sealed at once.

    The file of a day is kept if its rows have the count and the hash of its digest.
    """

    def __init__(self, partitions: Sequence[DailyPartition], folder: Path, schema: pa.Schema) -> None:
        self.partitions = {partition.day: partition for partition in partitions}
        self.folder = folder
        self.schema = schema
        self.kept = 0
        """Number of files kept."""
        self._day = ""
        self._hash = 0
        self._written: dict[Path, Path] = {}
        self._file: RowGroups | None = None

    def write(self, block: pa.Table) -> None:
        days = pc.run_end_encode(block["day"].combine_chunks().cast(pa.string()))
        start = 0
        for day, end in zip(days.values.to_pylist(), days.run_ends.to_pylist(), strict=True):
            if day != self._day:
                self._open(day)
            assert self._file is not None
            rows = block.slice(start, end - start)
            self._file.write(_typed(rows, self.schema))
            self._hash += _exact_sum(rows["hash"].cast(pa.string()).cast(pa.int64()).to_numpy())
            start = end

    def _open(self, day: str) -> None:
        self._close()
        if len(self._written) >= DAYS_SEALED:
            self._seal()
        self._day, self._hash = day, 0
        name = self.folder / self.partitions[day].name
        self._written[name] = partial_of(name)
        self._file = RowGroups(self._written[name], self.schema)

    def _close(self, is_complete: bool = True) -> None:
        if self._file is None:
            return
        self._file.close()
        rows, self._file = self._file.rows, None
        if is_complete and DailyPartition(self._day, rows, str(self._hash)) != self.partitions[self._day]:
            raise changes_between_scans("interactions")
        self.kept += 1

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        try:
            self._close(is_complete=error is None)
            if error is None:
                self._seal()
        finally:
            for partial in self._written.values():
                discard(partial)

    def _seal(self) -> None:
        for folder in {name.parent for name in self._written}:
            seal(folder, self._written)
        self._written = {}


def _exact_sum(values: IntArray) -> int:
    """Sum of 64-bit integers, as PostgreSQL adds them: without overflow."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


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
        names: Names that the files are sealed under.
    """
    stored = stored_in(folder)
    return pl.scan_parquet([stored[folder / name][0] for name in names])
