"""The contract of the mapping SELECTs: their columns and types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql

from chatrec.errors import MappingError
from chatrec.extract.schema import ARRIVED_AT, ATTRIBUTES

ID_TYPES = {"smallint", "integer", "bigint", "uuid", "text", "character varying"}
INTEGER_IDS = {"smallint", "integer", "bigint"}
TIMES = {"timestamp with time zone", "timestamp without time zone", "date"}
NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}
TEXTS = {"text", "character varying", "character"}
GROUPS = {"text[]", "character varying[]", *TEXTS}

REQUIRED: dict[str, dict[str, set[str]]] = {
    "users": {"user_id": ID_TYPES},
    "items": {"item_id": ID_TYPES, "title": TEXTS},
    "interactions": {"user_id": ID_TYPES, "item_id": ID_TYPES, "occurred_at": TIMES},
    "queries": {"user_id": ID_TYPES, "query": TEXTS, "occurred_at": TIMES},
}
OPTIONAL: dict[str, dict[str, set[str]]] = {
    "users": {"active": {"boolean"}},
    "items": {"groups": GROUPS, "available": {"boolean"}, "updated_at": TIMES, "created_at": TIMES},
    "interactions": {"event": TEXTS, "weight": NUMBERS},
    "queries": {},
}
FREE = {"users", "items"}
"""Relations whose further columns are attributes or texts; other relations may not have any."""
MAY_BE_EMPTY = {"queries"}
"""Relations that may be left out."""


@dataclass(frozen=True)
class SourceQuery:
    """A mapping SELECT that fits the contract."""

    relation: str
    select: str
    types: Mapping[str, str]
    """PostgreSQL type name of every column."""

    @property
    def free(self) -> list[str]:
        """Columns beyond the contract: attributes of users, texts and attributes of items."""
        columns = {*REQUIRED[self.relation], *OPTIONAL[self.relation]}
        return [name for name in self.types if name not in columns]


@dataclass(frozen=True)
class SourceMapping:
    """All mapping SELECTs, checked together."""

    users: SourceQuery
    items: SourceQuery
    interactions: SourceQuery
    queries: SourceQuery | None = None
    """None if search queries are not mapped."""

    @property
    def relations(self) -> list[SourceQuery]:
        """The mapped relations."""
        return [self.users, self.items, self.interactions, *([self.queries] if self.queries else [])]

    @property
    def id_types(self) -> dict[str, str]:
        """PostgreSQL types of both ids, as variables for migrations."""
        return {"user_id_type": self.user_id_type, "item_id_type": self.item_id_type}

    @property
    def user_id_type(self) -> str:
        """Type of user_id in chatrec's output tables."""
        return _output_type(self.users.types["user_id"])

    @property
    def item_id_type(self) -> str:
        """Type of item_id in chatrec's output tables."""
        return _output_type(self.items.types["item_id"])


def check_mapping(cursor: Any, selects: Mapping[str, str], item_attributes: Sequence[str] = ()) -> SourceMapping:
    """Check columns and types of the SELECTs in PostgreSQL, without reading rows.

    Args:
        cursor: psycopg2 cursor on the source database.
        selects: SELECTs of users, items, interactions and queries; that of queries may be empty.
        item_attributes: Further columns of items that are attributes, not texts.

    Raises:
        MappingError: If a SELECT does not fit. Names the setting, the column and the remedy.
    """
    given = {name: select for name, select in selects.items() if name not in MAY_BE_EMPTY or select.strip()}
    mapping = SourceMapping(**{relation: _describe(cursor, relation, select) for relation, select in given.items()})
    _refuse_unknown_attributes(mapping.items, item_attributes)
    _refuse_other_ids(mapping.interactions, "user_id", mapping.users)
    _refuse_other_ids(mapping.interactions, "item_id", mapping.items)
    if mapping.queries:
        _refuse_other_ids(mapping.queries, "user_id", mapping.users)
    return mapping


def is_integer(type_name: str) -> bool:
    """Whether ids of a type are read as integers; all others are read as text."""
    return type_name in INTEGER_IDS


def id_column(name: str, type_name: str) -> sql.Composable:
    """SQL expression that reads an id, as integer or text."""
    return sql.SQL("{}").format(sql.Identifier(name)) if is_integer(type_name) else _as_text(name)


def id_order(name: str, type_name: str) -> sql.Composable:
    """SQL expression that sorts an id, by value or by bytes, the same on every server."""
    column = id_column(name, type_name)
    return column if is_integer(type_name) else sql.SQL('{} COLLATE "C"').format(column)


def _refuse_other_ids(mapped: SourceQuery, column: str, owner: SourceQuery) -> None:
    mine, theirs = mapped.types[column], owner.types[column]
    if is_integer(mine) != is_integer(theirs):
        raise MappingError(
            f"source.{mapped.relation} gives {column} as {mine}, source.{owner.relation} as {theirs}: "
            "cast one of them, so that they can be compared."
        )


def _refuse_unknown_attributes(items: SourceQuery, attributes: Sequence[str]) -> None:
    for name in attributes:
        if name not in items.free:
            raise MappingError(
                f"source.item_attributes names {name}, which is not a further column of source.items: these are "
                f"{', '.join(items.free) or 'none'}."
            )
    kept = {ARRIVED_AT: "the arrival of an item is kept"}
    if attributes:
        kept[ATTRIBUTES] = "source.item_attributes are kept"
    for name, what in kept.items():
        if name in items.types:
            raise MappingError(f"source.items gives a column {name}, which is where {what}: rename it with AS.")


def _as_text(name: str) -> sql.Composable:
    return sql.SQL("{}::text").format(sql.Identifier(name))


def _output_type(type_name: str) -> str:
    return "text" if type_name == "character varying" else type_name


def _describe(cursor: Any, relation: str, select: str) -> SourceQuery:
    select = select.strip().rstrip(";").rstrip()
    if not select:
        raise MappingError(f"source.{relation} is empty: write a SELECT there.")
    cursor.execute("SAVEPOINT describe")
    try:
        cursor.execute(f"SELECT * FROM (\n{select}\n) AS mapped LIMIT 0")
    except psycopg2.OperationalError:
        raise
    except psycopg2.Error as error:
        cursor.execute("ROLLBACK TO SAVEPOINT describe")
        reason = " ".join(str(error).split())
        raise MappingError(f"source.{relation} is not a SELECT that PostgreSQL can run: {reason}") from None
    columns = [(column.name, column.type_code) for column in cursor.description]
    cursor.execute("SELECT oid, format_type(oid, NULL) FROM pg_type WHERE oid = ANY (%s)", ([c[1] for c in columns],))
    names = dict(cursor.fetchall())
    mapped = SourceQuery(relation, select, {name: names[oid] for name, oid in columns})
    _refuse_misfits(mapped, len(columns))
    return mapped


def _refuse_misfits(mapped: SourceQuery, columns: int) -> None:
    setting = f"source.{mapped.relation}"
    if columns != len(mapped.types):
        raise MappingError(f"{setting} gives two columns of the same name: rename one with AS.")
    required, optional = REQUIRED[mapped.relation], OPTIONAL[mapped.relation]
    for name in required:
        if name not in mapped.types:
            raise MappingError(
                f"{setting} lacks the column {name}: it gives {', '.join(mapped.types)}. Rename one with AS {name}."
            )
    for name, allowed in {**required, **optional}.items():
        if name in mapped.types and mapped.types[name] not in allowed:
            raise MappingError(
                f"{setting} gives {name} as {mapped.types[name]}: cast it to one of {', '.join(sorted(allowed))}."
            )
    if mapped.relation not in FREE and mapped.free:
        allowed_names = ", ".join({**required, **optional})
        raise MappingError(f"{setting} gives the unknown column {mapped.free[0]}; it may give {allowed_names}.")
