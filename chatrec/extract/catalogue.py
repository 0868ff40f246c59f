"""Extract users and items into Parquet, each id once: users sorted by id, items by their content.

The order of items decides ties in what follows. An order by id would make results depend on how items are numbered.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from psycopg2 import sql

from chatrec.config.source import Source
from chatrec.db.copy import copy_out
from chatrec.extract.arrivals import SeenItems, created_column
from chatrec.extract.mapping import SourceQuery, id_column, id_order, is_integer
from chatrec.extract.quarantine import Quarantine, decode_block
from chatrec.extract.schema import ACTIVE, ATTRIBUTES, RowGroups, items_schema, users_schema
from chatrec.extract.validation import LONGEST_KEY, NO_KEYS, Keys, first_broken, too_long

ARRAY_SEPARATOR = "\x1f"
TITLE_MISSING = "title is missing"


@dataclass(frozen=True)
class RowsRead:
    """Rows read of users or items."""

    rows: int
    """Number of valid rows."""
    untitled: pl.Series
    """Ids of quarantined items without a title, of the type in the file."""


@dataclass(frozen=True)
class Relation:
    """How users or items are read: the SELECT and the conversion of its columns."""

    mapped: SourceQuery
    id_name: str
    columns: Mapping[str, sql.Composable]
    order: tuple[sql.Composable, ...]
    """Sort order; of rows with the same id the first one is kept."""
    schema: pa.Schema
    typed: Callable[[pl.DataFrame], pl.DataFrame]
    """Converts columns of text to their types."""
    content: tuple[sql.Composable, ...] = ()
    """Columns whose hash precedes the sort order; of rows with the same id that of the first row."""
    rules: Mapping[str, pl.Expr] = field(default_factory=dict)
    """Further rules: expressions that are true for invalid rows, by reason."""

    def read(self, cursor: Any, file: Path, quarantine: Quarantine, block_bytes: int) -> RowsRead:
        """Write all valid rows to a Parquet file."""
        sorter = _Sorter(self, quarantine)
        with RowGroups(file, self.schema) as rows:
            copy_out(
                cursor,
                self._query(),
                list(self.columns),
                lambda block: rows.write(sorter.good(block)),
                block_bytes,
            )
        untitled = pl.concat([pl.Series(self.id_name, [], pl.String), *sorter.untitled])
        return RowsRead(
            rows.rows, untitled.cast(pl.Int64 if is_integer(self.mapped.types[self.id_name]) else pl.String)
        )

    def sample(self, cursor: Any, rows: int) -> pl.DataFrame:
        """The first `rows` rows that the database returns."""
        blocks: list[pa.Table] = [pa.table({name: pa.array([], pa.binary()) for name in self.columns})]
        copy_out(
            cursor,
            self._select(sql.SQL(" LIMIT {}").format(sql.Literal(rows))),
            list(self.columns),
            blocks.append,
        )
        return self.as_kept(decode_block(pa.concat_tables(blocks))[0])

    def as_kept(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Convert rows of text to the schema of the file."""
        table = self.typed(rows).select(self.schema.names).to_arrow().cast(self.schema)
        return pl.DataFrame(pl.from_arrow(table))

    def _query(self) -> sql.Composable:
        """Query of all rows. The whole row breaks ties, so that the order depends on values alone."""
        order = sql.SQL(", ").join([*self.order, sql.SQL('mapped::text COLLATE "C"')])
        if not self.content:
            return self._select(sql.SQL(" ORDER BY ") + order)
        content = sql.SQL('hashtextextended(ROW({})::text COLLATE "C", 0)').format(sql.SQL(", ").join(self.content))
        by_content = sql.SQL(" ORDER BY first_value({}) OVER (PARTITION BY {} ORDER BY {}), {}")
        return self._select(by_content.format(content, self.order[0], order, order))

    def _select(self, end: sql.Composable) -> sql.Composable:
        columns = sql.SQL(", ").join(self.columns.values())
        given = sql.SQL(f" FROM (\n{self.mapped.select}\n) AS mapped")
        return sql.Composed([sql.SQL("SELECT "), columns, given, end])


def users_relation(mapped: SourceQuery, keys: Keys = NO_KEYS) -> Relation:
    """Relation of users: the id, whether they are active, and all attributes as text.

    Args:
        mapped: The SELECT of users.
        keys: Attributes that become keys of tables.
    """
    kind = mapped.types["user_id"]
    id_type = pl.Int64 if is_integer(kind) else pl.String
    active = {ACTIVE: sql.SQL("active")} if ACTIVE in mapped.types else {}
    return Relation(
        mapped,
        "user_id",
        {"user_id": id_column("user_id", kind), **active, **_texts(mapped.free)},
        (id_order("user_id", kind),),
        users_schema(is_integer(kind), mapped.free),
        lambda rows: rows.with_columns(pl.col("user_id").cast(id_type), _flag(rows, ACTIVE)),
        rules=keys.rules("user_id", *(name for name in mapped.free if name in keys.users)),
    )


def items_relation(mapped: SourceQuery, source: Source, seen: SeenItems, keys: Keys = NO_KEYS) -> Relation:
    """Relation of items. Of rows with the same id the one updated last is kept.

    Args:
        mapped: The SELECT of items.
        source: Separator of the groups of an item, and the columns that are attributes.
        seen: Items that earlier runs have seen.
        keys: Columns that become keys of tables.
    """
    separator, attributes = source.groups_separator, source.item_attributes
    kind = mapped.types["item_id"]
    columns = _texts(["title", *mapped.free])
    if mapped.types.get("groups", "").endswith("[]"):
        separator = ARRAY_SEPARATOR
        columns["groups"] = sql.SQL("array_to_string(groups, {})").format(sql.Literal(separator))
    elif "groups" in mapped.types:
        columns["groups"] = sql.SQL("groups::text")
    content = tuple(columns.values())
    columns = {"item_id": id_column("item_id", kind), **columns}
    if "available" in mapped.types:
        columns["available"] = sql.SQL("available")
    if "created_at" in mapped.types:
        columns["created_at"] = created_column()
    order = [id_order("item_id", kind)]
    if "updated_at" in mapped.types:
        order.append(sql.SQL("updated_at DESC NULLS LAST"))
    schema = items_schema(is_integer(kind), [name for name in mapped.free if name not in attributes], attributes)
    typed = _ItemTypes(is_integer(kind), separator, attributes, seen)
    untitled = pl.col("title").fill_null("").str.strip_chars() == ""
    rules = keys.rules("item_id", *(name for name in columns if name in keys.items and name != "groups"))
    if "groups" in columns and "groups" in keys.items:
        longest = split_groups(pl.col("groups"), separator).list.eval(pl.element().str.len_bytes()).list.max()
        rules |= {too_long("groups"): longest > LONGEST_KEY, **keys.unfit("groups", pl.col("groups"))}
    rules[TITLE_MISSING] = untitled
    return Relation(mapped, "item_id", columns, tuple(order), schema, typed, content, rules)


def split_groups(column: pl.Expr, separator: str) -> pl.Expr:
    """Split a column into lists of distinct groups, in their written order; empty without groups."""
    parts = column.fill_null("").str.split(separator).list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != "")).list.unique(maintain_order=True)


@dataclass(frozen=True)
class _ItemTypes:
    integer_ids: bool
    separator: str
    attributes: tuple[str, ...]
    seen: SeenItems

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        groups = pl.col("groups") if "groups" in rows.columns else pl.lit(None, pl.String)
        rows = rows.with_columns(pl.col("item_id").cast(pl.Int64 if self.integer_ids else pl.String))
        return rows.with_columns(
            self.seen.of(rows),
            groups=split_groups(groups, self.separator),
            available=_flag(rows, "available"),
            **({ATTRIBUTES: pl.struct(self.attributes)} if self.attributes else {}),
        )


def _flag(rows: pl.DataFrame, name: str) -> pl.Expr:
    """A boolean column, true where it is null or not mapped."""
    given = pl.col(name) if name in rows.columns else pl.lit(None, pl.String)
    return (given.fill_null("t") == "t").alias(name)


def _texts(names: Iterable[str]) -> dict[str, sql.Composable]:
    return {name: sql.SQL("{}::text").format(sql.Identifier(name)) for name in names}


class _Sorter:
    """Quarantines rows without an id, rows that are not UTF-8, rows that break a rule, and duplicate ids."""

    def __init__(self, relation: Relation, quarantine: Quarantine) -> None:
        self.relation, self.quarantine = relation, quarantine
        self.last_id: str | None = None
        self.untitled: list[pl.Series] = []

    def good(self, block: pa.Table) -> pa.Table:
        """Valid rows of a block; the others are quarantined."""
        rows, not_utf8 = decode_block(block)
        id_name = self.relation.id_name
        rules = {f"{id_name} is null": pl.col(id_name).is_null(), "not UTF-8": pl.lit(not_utf8), **self.relation.rules}
        reasons = rows.select(first_broken(rules)).to_series()
        self.untitled.append(rows[id_name].filter(reasons.eq_missing(TITLE_MISSING)))
        reasons = self._with_duplicates(rows[id_name], reasons)
        relation = self.relation.mapped.relation
        self.quarantine.add(relation, rows.filter(reasons.is_not_null()), reasons.drop_nulls())
        return self.relation.as_kept(rows.filter(reasons.is_null())).to_arrow().cast(self.relation.schema)

    def _with_duplicates(self, ids: pl.Series, reasons: pl.Series) -> pl.Series:
        """Add duplicates to the reasons. Rows of one id are adjacent, so a duplicate follows a valid row."""
        good = pl.DataFrame({"id": ids, "row": pl.arange(len(ids), eager=True)}).filter(reasons.is_null())
        before = good["id"].shift(1, fill_value=self.last_id)
        repeated = good.filter(good["id"].eq_missing(before))["row"]
        if len(good):
            self.last_id = good["id"][-1]
        return reasons.scatter(repeated, "duplicate id") if len(repeated) else reasons
