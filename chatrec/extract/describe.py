"""Describe the mapping SELECTs in PostgreSQL. All misfits with the contract are reported together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2

from chatrec.errors import MappingError
from chatrec.extract.mapping import (
    FREE,
    ID_TYPES,
    MAY_BE_EMPTY,
    OPTIONAL,
    REQUIRED,
    SourceMapping,
    SourceQuery,
    is_integer,
)
from chatrec.extract.schema import ARRIVED_AT, ATTRIBUTES


def check_mapping(cursor: Any, selects: Mapping[str, str], item_attributes: Sequence[str] = ()) -> SourceMapping:
    """Check columns and types of the SELECTs in PostgreSQL, without reading rows.

    Args:
        cursor: psycopg2 cursor on the source database.
        selects: SELECTs of users, items, interactions and queries; that of queries may be empty.
        item_attributes: Further columns of items that are attributes, not texts.

    Raises:
        MappingError: If a SELECT does not fit. Each problem names the setting, the column and the remedy.
    """
    described: dict[str, SourceQuery] = {}
    problems: list[str] = []
    for relation, select in selects.items():
        if relation in MAY_BE_EMPTY and not select.strip():
            continue
        try:
            described[relation] = _describe(cursor, relation, select)
        except MappingError as error:
            problems += error.problems
    problems += [*_unknown_attributes(described, item_attributes), *_other_ids(described)]
    if problems:
        raise MappingError(*problems)
    return SourceMapping(**described)


def check_values(cursor: Any, mapping: SourceMapping) -> None:
    """Evaluate all columns of all rows in PostgreSQL, so that a cast that fails is found.

    Raises:
        MappingError: If SELECTs fail on the data. Names each.
    """
    problems: list[str] = []
    for mapped in mapping.relations:
        cursor.execute("SAVEPOINT evaluate")
        try:
            with readable_data_errors(mapped.relation):
                cursor.execute(f"SELECT count(mapped) FROM (\n{mapped.select}\n) AS mapped")
        except MappingError as error:
            cursor.execute("ROLLBACK TO SAVEPOINT evaluate")
            problems += error.problems
    if problems:
        raise MappingError(*problems)


@contextmanager
def readable_data_errors(relation: str) -> Iterator[None]:
    """Report a value that cannot be cast as an error of the SELECT of a relation."""
    try:
        yield
    except psycopg2.DataError as error:
        raise MappingError(f"source.{relation} fails on your data: {' '.join(str(error).split())}") from None


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
    if misfits := list(_misfits(mapped, len(columns))):
        raise MappingError(*misfits)
    return mapped


def _misfits(mapped: SourceQuery, columns: int) -> Iterator[str]:
    setting = f"source.{mapped.relation}"
    if columns != len(mapped.types):
        yield f"{setting} gives two columns of the same name: rename one with AS."
    required, optional = REQUIRED[mapped.relation], OPTIONAL[mapped.relation]
    for name in required:
        if name not in mapped.types:
            yield f"{setting} lacks the column {name}: it gives {', '.join(mapped.types)}. Rename one with AS {name}."
    for name, allowed in {**required, **optional}.items():
        if name in mapped.types and mapped.types[name] not in allowed:
            yield f"{setting} gives {name} as {mapped.types[name]}: {_remedy(name, mapped.types[name], allowed)}."
    if mapped.relation not in FREE:
        allowed_names = ", ".join({**required, **optional})
        for name in mapped.free:
            yield f"{setting} gives the unknown column {name}; it may give {allowed_names}."


def _remedy(name: str, kind: str, allowed: set[str]) -> str:
    if kind.rpartition(".")[2] == "citext" and allowed is ID_TYPES:
        return f"write lower(code::text) AS {name} for the column code, in every SELECT, since text minds the case"
    return f"cast it to one of {', '.join(sorted(allowed))}"


def _other_ids(described: Mapping[str, SourceQuery]) -> Iterator[str]:
    """Ids that cannot be compared with those of users or items."""
    pairs = (
        ("interactions", "user_id", "users"),
        ("interactions", "item_id", "items"),
        ("queries", "user_id", "users"),
    )
    for relation, column, owner in pairs:
        if relation in described and owner in described:
            mine, theirs = described[relation].types[column], described[owner].types[column]
            if _kind_of_id(mine) != _kind_of_id(theirs):
                yield (
                    f"source.{relation} gives {column} as {mine}, source.{owner} as {theirs}: cast one of them, so "
                    "that they can be compared."
                )


def _kind_of_id(type_name: str) -> str:
    """Ids of one kind are compared as written: a uuid as text may be written in another way than PostgreSQL's."""
    return "integer" if is_integer(type_name) else "uuid" if type_name == "uuid" else "text"


def _unknown_attributes(described: Mapping[str, SourceQuery], attributes: Sequence[str]) -> Iterator[str]:
    if "items" not in described:
        return
    items = described["items"]
    for name in attributes:
        if name not in items.free:
            yield (
                f"source.item_attributes names {name}, which is not a further column of source.items: these are "
                f"{', '.join(items.free) or 'none'}."
            )
    kept = {ARRIVED_AT: "the arrival of an item is kept"}
    if attributes:
        kept[ATTRIBUTES] = "source.item_attributes are kept"
    for name, what in kept.items():
        if name in items.types:
            yield f"source.items gives a column {name}, which is where {what}: rename it with AS."
