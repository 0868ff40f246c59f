"""Bulk transfer with COPY, in blocks of bounded memory."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
from psycopg2 import sql
from pyarrow import csv

NULL = r"\N"
LARGEST_BLOCK = 1 << 30
"""Bytes of a block at most. The parser counts them in 32 bits, and a row of PostgreSQL may have another GiB."""


def copy_out(
    cursor: Any,
    query: sql.Composable,
    columns: Sequence[str],
    on_block: Callable[[pa.Table], None],
    block_bytes: int = 16 << 20,
) -> int:
    """Stream the rows of a query.

    Args:
        cursor: psycopg2 cursor, in the transaction whose snapshot is read.
        query: A SELECT with the columns `columns`.
        columns: Names of the columns.
        on_block: Called with each block as a table. All columns are binary: PostgreSQL's text of each value as bytes,
            because a database may hold bytes that are not UTF-8. NULL is null, an empty text is empty.
        block_bytes: Approximate size of a block of text; at most `LARGEST_BLOCK`.

    Returns:
        Number of rows.
    """
    block = _Block(columns, on_block, block_bytes)
    # A database in SQL_ASCII may hold any bytes and refuses to convert them to UTF-8: they are copied unchanged.
    plain = cursor.connection.get_parameter_status("server_encoding") == "SQL_ASCII"
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, FORCE_QUOTE *, ENCODING {})").format(
        query, sql.Literal("SQL_ASCII" if plain else "UTF8")
    )
    cursor.copy_expert(statement, block)
    block.flush()
    return block.rows


class _Block:
    """File object for psycopg2, which calls `write` once per row, so a block ends where a row ends."""

    def __init__(self, columns: Sequence[str], on_block: Callable[[pa.Table], None], limit: int) -> None:
        self.columns = list(columns)
        self.on_block = on_block
        self.limit = min(limit, LARGEST_BLOCK)
        self.rows = 0
        self._buffer = bytearray()

    def write(self, row: bytes) -> int:
        self._buffer += row
        if len(self._buffer) >= self.limit:
            self.flush()
        return len(row)

    def flush(self) -> None:
        if not self._buffer:
            return
        table = csv.read_csv(
            pa.BufferReader(bytes(self._buffer)),
            read_options=csv.ReadOptions(column_names=self.columns, block_size=len(self._buffer) + 1),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),  # NULL, if it is alone
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(self.columns, pa.binary()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        self._buffer.clear()
        self.rows += table.num_rows
        self.on_block(table)


def copy_in(
    cursor: Any,
    table: sql.Composable,
    columns: Sequence[str],
    frames: Iterable[pl.DataFrame],
    freeze: bool = False,
) -> int:
    """Stream frames into a table.

    Args:
        cursor: psycopg2 cursor.
        table: Quoted name of the table.
        columns: Columns of the frames, in their order.
        frames: Blocks of rows. A list column is written as a PostgreSQL array of numbers.
        freeze: Whether to write frozen rows, which need no later vacuum. Requires a table created in this transaction.

    Returns:
        Number of rows.
    """
    lines = _CsvLines(frames)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, NULL {}, FREEZE {})").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(NULL), sql.Literal(freeze)
    )
    cursor.copy_expert(statement, lines)
    return lines.rows


class _CsvLines(io.RawIOBase):
    """File object that psycopg2 reads from: CSV, encoded one frame at a time."""

    def __init__(self, frames: Iterable[pl.DataFrame]) -> None:
        self.rows = 0
        self._blocks = self._encode(frames)
        self._rest = memoryview(b"")

    def _encode(self, frames: Iterable[pl.DataFrame]) -> Iterator[bytes]:
        for frame in frames:
            self.rows += frame.height
            text = frame.with_columns(_as_array(name) for name, kind in frame.schema.items() if kind == pl.List)
            yield text.write_csv(include_header=False, null_value=NULL, quote_style="non_numeric").encode()

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return bytes(taken)


def _as_array(name: str) -> pl.Expr:
    numbers = pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(",")
    return pl.format("{{{}}}", numbers).alias(name)
