"""The shape of the data in the source database, counted by PostgreSQL."""

from typing import Any

from chatrec.data.interactions import LEAST_WEIGHT, MOST_WEIGHT
from chatrec.db import sql_files
from chatrec.extract.catalogue import TITLE_MISSING
from chatrec.extract.data_shape import DataShape
from chatrec.extract.interactions import TOO_LARGE, TOO_SMALL
from chatrec.extract.mapping import SourceMapping, SourceQuery, id_column
from chatrec.extract.partitions import events_select
from chatrec.extract.validation import LONGEST_KEY, too_long
from chatrec.extract.weights import WeightStatistics


def read_shape(cursor: Any, mapping: SourceMapping) -> tuple[DataShape, WeightStatistics]:
    """Count the rows of the mapping SELECTs.

    Args:
        cursor: psycopg2 cursor in a read-only transaction, with the time zone UTC.
        mapping: SELECTs whose values can be cast.

    Returns:
        The shape, equal to that of a snapshot, and the statistics of the weights.
    """
    no_title = r"""title IS NULL OR title::text COLLATE "default" !~ '\S'"""
    variables = {
        "users": _select(cursor, mapping.users, "user_id"),
        "items": _select(cursor, mapping.items, "item_id", f" WHEN {no_title} THEN '{TITLE_MISSING}'"),
        "interactions": events_select(cursor, mapping.interactions),
        "timed": str(mapping.timed),
        "untitled": TITLE_MISSING,
        "least_weight": str(LEAST_WEIGHT),
        "most_weight": str(MOST_WEIGHT),
        "too_small": TOO_SMALL,
        "too_large": TOO_LARGE,
        "longest_key": str(LONGEST_KEY),
        "long_user": too_long("user_id"),
        "long_item": too_long("item_id"),
    }
    cursor.execute(sql_files.read("queries/data_shape.sql", variables))
    row = dict(zip([column.name for column in cursor.description], cursor.fetchone(), strict=True))
    weights = row.pop("weights")
    statistics = (weights[name] or 0 for name in ("distinct_weights", "smallest", "median", "largest"))
    return DataShape(**row), WeightStatistics(*statistics)


def _select(cursor: Any, mapped: SourceQuery, id_name: str, title: str = "") -> str:
    """SELECT of ids, and of the reasons of invalid rows."""
    column = id_column(id_name, mapped.types[id_name]).as_string(cursor)
    return (
        f"SELECT {column} AS {id_name}, CASE WHEN {id_name} IS NULL THEN '{id_name} is null' "
        f"WHEN octet_length({id_name}::text) > {LONGEST_KEY} THEN '{too_long(id_name)}'{title} END AS reason "
        f"FROM (\n{mapped.select}\n) AS given"
    )
