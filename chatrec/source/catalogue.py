"""Users and items: streamed into Parquet in the order of their ids, each id once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from psycopg2 import sql

from chatrec.db.copy import copy_out
from chatrec.source.mapping import Mapped, id_column, id_order, is_integer
from chatrec.source.quarantine import Quarantine, decode
from chatrec.source.tables import ITEMS, USERS, RowGroups, items_schema, users_schema

ARRAY_SEPARATOR = "\x1f"


def read_users(cursor: Any, mapped: Mapped, folder: Path, quarantine: Quarantine, block_bytes: int) -> int:
    """Writes USERS; returns how many users there are."""
    integer_ids = is_integer(mapped.types["user_id"])
    writer = _UniqueRows("users", "user_id", integer_ids, quarantine)
    columns = {"user_id": id_column("user_id", mapped.types["user_id"]), **_texts(mapped.free)}
    schema = users_schema(integer_ids, mapped.free)
    order = [id_order("user_id", mapped.types["user_id"])]
    with RowGroups(folder / USERS, schema) as file:
        query = _ordered(mapped, columns, order)
        copy_out(cursor, query, list(columns), lambda block: file.write(writer.good(block, schema)), block_bytes)
    return file.rows


def read_items(
    cursor: Any, mapped: Mapped, separator: str, folder: Path, quarantine: Quarantine, block_bytes: int
) -> int:
    """Writes ITEMS; returns how many items there are. Of rows with the same id the one updated last is kept."""
    integer_ids = is_integer(mapped.types["item_id"])
    is_array = mapped.types.get("groups", "").endswith("[]")
    parse = _ItemBlock(ARRAY_SEPARATOR if is_array else separator)
    columns = {"item_id": id_column("item_id", mapped.types["item_id"]), **_texts(["title", *mapped.free])}
    if "groups" in mapped.types:
        columns["groups"] = (
            sql.SQL("array_to_string(groups, {})").format(sql.Literal(ARRAY_SEPARATOR))
            if is_array
            else sql.SQL("groups::text")
        )
    if "available" in mapped.types:
        columns["available"] = sql.SQL("available")
    order = [id_order("item_id", mapped.types["item_id"])]
    if "updated_at" in mapped.types:
        order.append(sql.SQL("updated_at DESC NULLS LAST"))
    schema = items_schema(integer_ids, mapped.free)
    writer = _UniqueRows("items", "item_id", integer_ids, quarantine, parse)
    with RowGroups(folder / ITEMS, schema) as file:
        query = _ordered(mapped, columns, order)
        copy_out(cursor, query, list(columns), lambda block: file.write(writer.good(block, schema)), block_bytes)
    return file.rows


def _texts(names: Iterable[str]) -> dict[str, sql.Composable]:
    return {name: sql.SQL("{}::text").format(sql.Identifier(name)) for name in names}


def _ordered(mapped: Mapped, columns: dict[str, sql.Composable], order: list[sql.Composable]) -> sql.Composable:
    """The SELECT of these columns; the whole row breaks ties, so that the order depends on values alone."""
    return sql.Composed(
        [
            sql.SQL("SELECT "),
            sql.SQL(", ").join(columns.values()),
            sql.SQL(" FROM (\n"),
            sql.SQL(mapped.select),
            sql.SQL("\n) AS mapped ORDER BY "),
            sql.SQL(", ").join([*order, sql.SQL('mapped::text COLLATE "C"')]),
        ]
    )


class _ItemBlock:
    """Gives the columns of an item their types."""

    def __init__(self, separator: str) -> None:
        self.separator = separator

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        groups = split_groups(pl.col("groups"), self.separator) if "groups" in rows.columns else pl.lit([])
        available = pl.col("available") != "f" if "available" in rows.columns else pl.lit(True)
        return rows.with_columns(
            groups.cast(pl.List(pl.String)).alias("groups"), available.fill_null(True).alias("available")
        )


def split_groups(column: pl.Expr, separator: str) -> pl.Expr:
    """The distinct groups of an item, in the order in which they were written; none is an empty list."""
    parts = column.fill_null("").str.split(separator).list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != "")).list.unique(maintain_order=True)


@dataclass
class _UniqueRows:
    """Sorts out rows without an id, with bytes that are no UTF-8, and ids that came before."""

    relation: str
    id_name: str
    integer_ids: bool
    quarantine: Quarantine
    parse: Any = field(default=lambda rows: rows)
    last_id: Any = None

    def good(self, block: pa.Table, schema: pa.Schema) -> pa.Table:
        """The rows of a block that keep the contract; the others go to the quarantine."""
        rows, not_utf8 = _decode(block)
        reasons = pl.select(
            pl.when(rows[self.id_name].is_null())
            .then(pl.lit(f"{self.id_name} is null"))
            .when(not_utf8)
            .then(pl.lit("not UTF-8"))
            .otherwise(None)
            .alias("reason")
        )["reason"]
        reasons = self._with_duplicates(rows[self.id_name], reasons)
        self.quarantine.add(self.relation, rows.filter(reasons.is_not_null()), reasons.drop_nulls())
        kept = self.parse(rows.filter(reasons.is_null()))
        id_type = pl.Int64 if self.integer_ids else pl.String
        return kept.with_columns(pl.col(self.id_name).cast(id_type)).select(schema.names).to_arrow().cast(schema)

    def _with_duplicates(self, ids: pl.Series, reasons: pl.Series) -> pl.Series:
        """Rows are sorted by id: a good row whose id is that of the good row before it is a duplicate."""
        good = pl.DataFrame({"id": ids, "row": pl.arange(len(ids), eager=True)}).filter(reasons.is_null())
        before = good["id"].shift(1, fill_value=self.last_id)
        repeated = good.filter(good["id"].eq_missing(before) & before.is_not_null())["row"]
        if len(good):
            self.last_id = good["id"][-1]
        return reasons.scatter(repeated, "duplicate id") if len(repeated) else reasons


def _decode(block: pa.Table) -> tuple[pl.DataFrame, pl.Series]:
    decoded = {name: decode(pl.Series(name, pl.from_arrow(block[name]))) for name in block.column_names}
    bad = pl.DataFrame({name: pair[1] for name, pair in decoded.items()})
    return pl.DataFrame([pair[0].alias(name) for name, pair in decoded.items()]), bad.select(
        pl.any_horizontal(pl.all())
    ).to_series()
