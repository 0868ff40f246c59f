"""Erase a user from extracted data: snapshots, daily partitions of events, quarantine.

A snapshot keeps the user's row, because other users are identified by row number, but the row is emptied. This is done
last: until then, a killed erasure finds the user's events again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from psycopg2 import sql
from pyarrow import parquet

from chatrec.extract.mapping import SourceMapping, id_column, is_integer
from chatrec.extract.schema import INTERACTIONS, QUARANTINE, QUERIES, USERS, RowGroups
from chatrec.runs.files import replacing

QUARANTINED_ID = pl.col("row_data").str.json_path_match("$.user_id")


@dataclass(frozen=True)
class ErasureSubject:
    """The user to erase."""

    text: str
    """User id, as PostgreSQL writes it."""
    integer: bool

    @classmethod
    def of(cls, text: str, type_name: str) -> "ErasureSubject":
        """Create a subject from an id and its type in the database."""
        return cls(text, is_integer(type_name))

    @property
    def value(self) -> int | str:
        """User id as in USERS."""
        return int(self.text) if self.integer else self.text

    @property
    def read(self) -> int | bytes:
        """User id as in the daily partitions."""
        return int(self.text) if self.integer else self.text.encode()


def still_given(cursor: Any, mapping: SourceMapping, subject: ErasureSubject) -> dict[str, int]:
    """Count the rows of a user in each source relation; relations without any are left out."""
    counts = {}
    for mapped in mapping.relations:
        if mapped.relation == "items":
            continue
        column = id_column("user_id", mapped.types["user_id"])
        given = sql.SQL(f"SELECT count(*) FROM (\n{mapped.select}\n) AS mapped WHERE ")
        cursor.execute(sql.Composed([given, column, sql.SQL(" = "), sql.Literal(subject.value)]))
        counts[mapped.relation] = int(cursor.fetchone()[0])
    return {relation: rows for relation, rows in counts.items() if rows}


def row_of(folder: Path, subject: ErasureSubject) -> int | None:
    """Row number of the user in a snapshot, or None."""
    users = pl.read_parquet(folder / USERS, columns=["user_id"])["user_id"]
    rows = (users == subject.value).fill_null(False).arg_true()
    return int(rows[0]) if len(rows) else None


def erase_from_snapshot(folder: Path, subject: ErasureSubject) -> Counter[str]:
    """Erase a user from a snapshot; returns the number of removed rows by kind."""
    row = row_of(folder, subject)
    gone: Counter[str] = Counter()
    if row is not None:
        for name in (INTERACTIONS, QUERIES):
            gone[_kind(name)] = _remove(folder / name, pl.col("user") == row)
    gone[_kind(QUARANTINE)] = _remove(
        folder / QUARANTINE, (pl.col("relation") != "items") & QUARANTINED_ID.eq_missing(pl.lit(subject.text))
    )
    if row is not None:
        gone[_kind(USERS)] = 1
        _rewrite(
            folder / USERS,
            lambda block: block.with_columns(
                pl.when(pl.col("user_id").ne_missing(subject.value)).then(column).alias(column)
                for column in block.columns
            ),
        )
    return gone


def remove_days(folder: Path, subject: ErasureSubject) -> int:
    """Remove the daily partitions with events of a user; the next run reads these days again.

    They are not rewritten without the user, because the name of a partition is the digest of its rows.
    """
    days = [file for file in folder.glob("[!.]*.parquet") if _count(file, pl.col("user_id") == subject.read)]
    for file in days:
        file.unlink()
    return len(days)


def _kind(name: str) -> str:
    return f"{name.removesuffix('.parquet')} of snapshots"


def _remove(file: Path, where: pl.Expr) -> int:
    """Remove rows of a Parquet file; returns their number."""
    rows = _count(file, where) if file.exists() else 0
    if rows:
        _rewrite(file, lambda block: block.filter(~where.fill_null(False)))
    return rows


def _count(file: Path, where: pl.Expr) -> int:
    return int(pl.scan_parquet(file).filter(where).select(pl.len()).collect(engine="streaming").item())


def _rewrite(file: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Rewrite a Parquet file through a function, a block at a time."""
    with replacing(file) as partial, parquet.ParquetFile(file) as old:
        schema = old.schema_arrow
        with RowGroups(partial, schema) as rows:
            for batch in old.iter_batches():
                rows.write(change(pl.DataFrame(pl.from_arrow(batch))).to_arrow().cast(schema))
