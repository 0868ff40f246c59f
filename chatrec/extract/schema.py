"""The Parquet files of a snapshot and their schemas.

Every file is written in row groups of a fixed size, independent of the blocks in which rows arrive. So equal rows give
equal bytes, and the digest of a file is a digest of its rows.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import polars as pl
import pyarrow as pa
from pyarrow import parquet

USERS = "users.parquet"
ITEMS = "items.parquet"
INTERACTIONS = "interactions.parquet"
QUERIES = "queries.parquet"
QUARANTINE = "quarantine.parquet"
SNAPSHOT = "snapshot.json"
ATTRIBUTES = "attributes"
"""Column of ITEMS with the attributes of an item."""
ACTIVE = "active"
"""Column of USERS: whether a user gets lists."""
ARRIVED_AT = "arrived_at"
"""Column of ITEMS with the time at which an item appeared; null if it was there from the first run."""

ROWS_OF_A_GROUP = 200_000

QUARANTINE_SCHEMA = pa.schema([("relation", pa.string()), ("reason", pa.string()), ("row_data", pa.string())])
INTERACTIONS_SCHEMA = pa.schema(
    [
        ("user", pa.int32()),  # the row of the user in USERS
        ("item", pa.int32()),  # the row of the item in ITEMS
        ("occurred_at", pa.int64()),  # microseconds since 1970, UTC
        ("weight", pa.float32()),
        ("event", pa.string()),
    ]
)
QUERIES_SCHEMA = pa.schema(
    [
        ("user", pa.int32()),  # the row of the user in USERS
        ("query", pa.string()),  # normalised
        ("occurred_at", pa.int64()),  # microseconds since 1970, UTC
    ]
)


def users_schema(integer_ids: bool, attributes: list[str]) -> pa.Schema:
    """Schema of USERS: the id, ACTIVE, and the attributes as text."""
    texts = [(name, pa.string()) for name in attributes]
    return pa.schema([("user_id", id_type(integer_ids)), (ACTIVE, pa.bool_()), *texts])


def items_schema(integer_ids: bool, texts: list[str], attributes: Sequence[str] = ()) -> pa.Schema:
    """Schema of ITEMS: the id, the columns of the contract, further texts, and attributes as one struct."""
    struct = pa.struct([(name, pa.string()) for name in attributes])
    return pa.schema(
        [
            ("item_id", id_type(integer_ids)),
            ("title", pa.string()),
            ("groups", pa.list_(pa.string())),
            ("available", pa.bool_()),
            (ARRIVED_AT, pa.int64()),  # microseconds since 1970, UTC
            *((name, pa.string()) for name in texts),
            *([(ATTRIBUTES, struct)] if attributes else []),
        ]
    )


def id_type(integer_ids: bool) -> pa.DataType:
    """Arrow type of an id: integer or text."""
    return pa.int64() if integer_ids else pa.string()


class RowGroups:
    """Writer of a Parquet file with row groups of a fixed size, from blocks of any size."""

    def __init__(self, file: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self.rows = 0
        self._writer = parquet.ParquetWriter(file, schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._rows_waiting = 0

    def write(self, block: pa.Table) -> None:
        """Add rows. They are written when their group is full or the file is closed."""
        self.rows += block.num_rows
        self._waiting.append(block.cast(self.schema))
        self._rows_waiting += block.num_rows
        if self._rows_waiting >= ROWS_OF_A_GROUP:
            self._flush(everything=False)

    def close(self) -> None:
        """Write the remaining rows and close the file."""
        self._flush(everything=True)
        self._writer.close()

    def _flush(self, everything: bool) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting).combine_chunks()
        full = table.num_rows if everything else table.num_rows - table.num_rows % ROWS_OF_A_GROUP
        for start in range(0, full, ROWS_OF_A_GROUP):
            self._writer.write_table(table.slice(start, min(ROWS_OF_A_GROUP, full - start)), ROWS_OF_A_GROUP)
        rest = table.slice(full)
        self._waiting, self._rows_waiting = ([rest], rest.num_rows) if rest.num_rows else ([], 0)

    def __enter__(self) -> "RowGroups":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def write_table(file: Path, frame: pl.DataFrame, schema: pa.Schema) -> None:
    """Write a frame as a file of a snapshot."""
    with RowGroups(file, schema) as rows:
        rows.write(frame.select(schema.names).to_arrow())
