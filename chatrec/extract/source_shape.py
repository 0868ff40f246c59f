"""The shape of the data in the source database, counted by PostgreSQL."""

from typing import Any

from psycopg2 import sql

from chatrec.db import sql_files
from chatrec.extract.data_shape import DataShape
from chatrec.extract.mapping import SourceMapping, SourceQuery, id_column
from chatrec.extract.partitions import events_select
from chatrec.extract.weights import WeightStatistics

HAS_TITLE = r""", coalesce(title::text COLLATE "default" ~ '\S', false) AS has_title"""
"""A collation that ignores case has no regular expressions; the default one always has, and knows all spaces."""


def read_shape(cursor: Any, mapping: SourceMapping) -> tuple[DataShape, WeightStatistics]:
    """Count the rows of the mapping SELECTs.

    Args:
        cursor: psycopg2 cursor in a read-only transaction, with the time zone UTC.
        mapping: SELECTs whose values can be cast.

    Returns:
        The shape, equal to that of a snapshot, and the statistics of the weights.
    """
    variables = {
        "users": _select(cursor, mapping.users, "user_id"),
        "items": _select(cursor, mapping.items, "item_id", HAS_TITLE),
        "interactions": events_select(cursor, mapping.interactions),
        "timed": str(mapping.timed),
    }
    cursor.execute(sql_files.read("queries/data_shape.sql", variables))
    row = dict(zip([column.name for column in cursor.description], cursor.fetchone(), strict=True))
    weights = row.pop("weights")
    statistics = (weights[name] or 0 for name in ("distinct_weights", "smallest", "median", "largest"))
    return DataShape(**row), WeightStatistics(*statistics)


def _select(cursor: Any, mapped: SourceQuery, id_name: str, more: str = "") -> str:
    column = id_column(id_name, mapped.types[id_name])
    select = sql.SQL("SELECT {} AS {}").format(column, sql.Identifier(id_name)).as_string(cursor)
    return f"{select}{more} FROM (\n{mapped.select}\n) AS given"
