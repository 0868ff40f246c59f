"""COPY in and out: what goes in comes out."""

from typing import Any

import polars as pl
import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from chatrec.db.copy import _Block, copy_in, copy_out

TEXT = st.none() | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
ROWS = st.lists(
    st.tuples(
        TEXT, st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.lists(st.floats(width=32), max_size=3)
    ),
    max_size=30,
)


@pytest.fixture
def cursor(database: str) -> Any:
    connection = psycopg2.connect(database)
    with connection.cursor() as opened:
        opened.execute("CREATE TABLE t (a text, b bigint, c real[])")
        yield opened
    connection.close()


@given(rows=ROWS)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_rows_survive_the_round_trip(cursor: Any, rows: list[Any]) -> None:
    cursor.execute("TRUNCATE t")
    schema = {"a": pl.String, "b": pl.Int64, "c": pl.List(pl.Float32)}
    frame = pl.DataFrame(rows, schema, orient="row")
    assert copy_in(cursor, sql.Identifier("t"), ["a", "b", "c"], [frame[:10], frame[10:]]) == len(rows)
    cursor.execute("SELECT a, b, c FROM t")
    back = pl.DataFrame(cursor.fetchall(), schema, orient="row")
    assert repr(back.rows()) == repr(frame.rows())

    blocks: list[pa.Table] = []
    assert copy_out(cursor, sql.SQL("SELECT a, b FROM t"), ["a", "b"], blocks.append, block_bytes=64) == len(rows)
    out = [row for block in blocks for row in block.to_pylist()]
    expected = [
        {"a": None if a is None else a.encode(), "b": None if b is None else str(b).encode()} for a, b, _ in rows
    ]
    assert out == expected


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_null_in_the_only_column_is_a_row(cursor: Any, block_bytes: int) -> None:
    blocks: list[pa.Table] = []
    query = sql.SQL("SELECT * FROM unnest(ARRAY[NULL, 'x', NULL, '', NULL, E'\n', NULL]) AS a")
    assert copy_out(cursor, query, ["a"], blocks.append, block_bytes) == 7
    values = [value for block in blocks for value in block["a"].to_pylist()]
    assert values == [None, b"x", None, b"", None, b"\n", None]


def test_blocks_fit_the_parser_whatever_the_memory() -> None:
    """A block that is almost full and a row of PostgreSQL's maximal size, 1 GiB, have fewer than 2^31 bytes."""
    for memory_mb in (65_535, 65_536, 1 << 30):
        assert _Block(["a"], lambda _: None, memory_mb << 15).limit + (1 << 30) <= 2**31


def test_blocks_are_bounded(cursor: Any) -> None:
    sizes: list[int] = []
    query = sql.SQL("SELECT repeat('x', 100) AS a FROM generate_series(1, 1000)")
    copy_out(cursor, query, ["a"], lambda block: sizes.append(block.num_rows), block_bytes=1000)
    assert sum(sizes) == 1000
    assert max(sizes) <= 10
