"""Taking one user out of what was read: snapshots, days of events, quarantine.

A snapshot keeps the user's row, because others are found by the number of theirs; all that the row says is removed.
The row goes last: as long as it is there, a killed erasure finds the user's events again.
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
from chatrec.runs.run import replacing

QUARANTINED_ID = pl.col("row_data").str.json_path_match("$.user_id")


@dataclass(frozen=True)
class ErasureSubject:
    """Who is erased."""

    text: str
    """The id, as PostgreSQL writes it."""
    integer: bool

    @classmethod
    def of(cls, text: str, type_name: str) -> "ErasureSubject":
        """Of an id and its type in the database."""
        return cls(text, is_integer(type_name))

    @property
    def value(self) -> int | str:
        """The id in USERS."""
        return int(self.text) if self.integer else self.text

    @property
    def read(self) -> int | bytes:
        """The id in the files of days."""
        return int(self.text) if self.integer else self.text.encode()


def still_given(cursor: Any, mapping: SourceMapping, person: ErasureSubject) -> dict[str, int]:
    """How many rows of a user the mapping SELECTs give now, by relation; those that give none are left out."""
    found = {}
    for mapped in mapping.relations:
        if mapped.relation == "items":
            continue
        column = id_column("user_id", mapped.types["user_id"])
        given = sql.SQL(f"SELECT count(*) FROM (\n{mapped.select}\n) AS mapped WHERE ")
        cursor.execute(sql.Composed([given, column, sql.SQL(" = "), sql.Literal(person.value)]))
        found[mapped.relation] = int(cursor.fetchone()[0])
    return {relation: rows for relation, rows in found.items() if rows}


def row_of(folder: Path, person: ErasureSubject) -> int | None:
    """The number of the user's row in a snapshot; None if it has none."""
    users = pl.read_parquet(folder / USERS, columns=["user_id"])["user_id"]
    rows = (users == person.value).fill_null(False).arg_true()
    return int(rows[0]) if len(rows) else None


def erase_from_snapshot(folder: Path, person: ErasureSubject) -> Counter[str]:
    """Takes a user out of a snapshot; returns the rows that are gone, by kind."""
    row = row_of(folder, person)
    gone: Counter[str] = Counter()
    if row is not None:
        for name in (INTERACTIONS, QUERIES):
            gone[_kind(name)] = _remove(folder / name, pl.col("user") == row)
    gone[_kind(QUARANTINE)] = _remove(
        folder / QUARANTINE, (pl.col("relation") != "items") & QUARANTINED_ID.eq_missing(pl.lit(person.text))
    )
    if row is not None:
        gone[_kind(USERS)] = 1
        _rewrite(
            folder / USERS,
            lambda block: block.with_columns(
                pl.when(pl.col("user_id").ne_missing(person.value)).then(column).alias(column)
                for column in block.columns
            ),
        )
    return gone


def remove_days(folder: Path, person: ErasureSubject) -> int:
    """Removes the files of days that have an event of a user; the next night reads them again.

    They are not written anew without the user: the name of a file promises what is in it.
    """
    days = [file for file in folder.glob("[!.]*.parquet") if _count(file, pl.col("user_id") == person.read)]
    for file in days:
        file.unlink()
    return len(days)


def _kind(name: str) -> str:
    return f"{name.removesuffix('.parquet')} of snapshots"


def _remove(file: Path, where: pl.Expr) -> int:
    """Removes rows of a Parquet file; returns how many there were."""
    rows = _count(file, where) if file.exists() else 0
    if rows:
        _rewrite(file, lambda block: block.filter(~where.fill_null(False)))
    return rows


def _count(file: Path, where: pl.Expr) -> int:
    return int(pl.scan_parquet(file).filter(where).select(pl.len()).collect(engine="streaming").item())


def _rewrite(file: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Passes a Parquet file through a function, a block at a time."""
    with replacing(file) as partial, parquet.ParquetFile(file) as old:
        schema = old.schema_arrow
        with RowGroups(partial, schema) as rows:
            for batch in old.iter_batches():
                rows.write(change(pl.DataFrame(pl.from_arrow(batch))).to_arrow().cast(schema))
