"""The contract of the mapping SELECTs: their columns and types."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import sql

from chatrec.config.ranking import Target
from chatrec.errors import MappingError

ID_TYPES = {"smallint", "integer", "bigint", "uuid", "text", "character varying"}
INTEGER_IDS = {"smallint", "integer", "bigint"}
TIMES = {"timestamp with time zone", "timestamp without time zone", "date"}
NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}
TEXTS = {"text", "character varying", "character"}
GROUPS = {"text[]", "character varying[]", *TEXTS}

REQUIRED: dict[str, dict[str, set[str]]] = {
    "users": {"user_id": ID_TYPES},
    "items": {"item_id": ID_TYPES, "title": TEXTS},
    "interactions": {"user_id": ID_TYPES, "item_id": ID_TYPES},
    "queries": {"user_id": ID_TYPES, "query": TEXTS, "occurred_at": TIMES},
}
OPTIONAL: dict[str, dict[str, set[str]]] = {
    "users": {"active": {"boolean"}},
    "items": {"groups": GROUPS, "available": {"boolean"}, "updated_at": TIMES, "created_at": TIMES},
    "interactions": {"occurred_at": TIMES, "event": TEXTS, "weight": NUMBERS},
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
    def timed(self) -> bool:
        """Whether events have times."""
        return "occurred_at" in self.interactions.types

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


def refuse_unknown_order(mapping: SourceMapping, target: Target) -> None:
    """Compare the target with the columns of interactions.

    Raises:
        MappingError: If the target depends on the order of events, and they have no times.
    """
    if not mapping.timed and target != "random":
        raise MappingError(
            "source.interactions gives no occurred_at, so the order of the events is unknown: add the column, or set "
            "ranking.target to random."
        )


def is_integer(type_name: str) -> bool:
    """Whether ids of a type are read as integers; all others are read as text."""
    return type_name in INTEGER_IDS


def id_column(name: str, type_name: str) -> sql.Composable:
    """SQL expression that reads, compares and sorts an id, by value or by bytes, the same on every server."""
    return sql.Identifier(name) if is_integer(type_name) else text_column(name)


def text_column(name: str) -> sql.Composable:
    """SQL expression that reads a column as text, whose bytes are compared, sorted and hashed.

    Without a collation of its own, a text of two collations could not be hashed, and one that ignores case would hide
    a change of case from the digest of a day.
    """
    return sql.SQL('{}::text COLLATE "C"').format(sql.Identifier(name))


def _output_type(type_name: str) -> str:
    return "text" if type_name == "character varying" else type_name
