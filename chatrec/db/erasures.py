"""A person's rows in chatrec's own tables, and the record that they were removed."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2 import sql
from sqlalchemy import Engine, text

from chatrec.db.engine import cursor

QUARANTINED = sql.SQL("DELETE FROM quarantine WHERE relation <> 'items' AND row_data ->> 'user_id' = {}")
"""The user_id of an item, if there is one, is no reader: it is a text of the catalogue."""


def remove_rows(engine: Engine, tables: Sequence[str], user: str) -> int:
    """Removes a user's rows; then the tables' free space and statistics forget them too.

    Args:
        engine: of the database.
        tables: with a column user_id.
        user: the id, as PostgreSQL writes it.

    Returns:
        How many rows there were.
    """
    condition = sql.SQL("DELETE FROM {} WHERE user_id = {}")
    return sum(_delete(engine, table, condition.format(sql.Identifier(table), sql.Literal(user))) for table in tables)


def remove_quarantined(engine: Engine, user: str) -> int:
    """Removes the rows of a user that broke the contract; returns how many there were."""
    return _delete(engine, "quarantine", QUARANTINED.format(sql.Literal(user)))


def _delete(engine: Engine, table: str, statement: sql.Composable) -> int:
    with cursor(engine) as opened:
        opened.execute(statement)
        removed = int(opened.rowcount)
    if removed:
        with cursor(engine, autocommit=True) as opened:
            opened.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
    return removed


def begin(engine: Engine, user: str, key: str, still_given: Mapping[str, int]) -> int:
    """Records that an erasure begins.

    Args:
        engine: of the database.
        user: the id, as PostgreSQL writes it; it is not stored.
        key: under which its hash is stored; empty stores none, because ids can be guessed and tried.
        still_given: rows that the mapping SELECTs give.

    Returns:
        The number of the erasure.
    """
    person = hmac.new(key.encode(), user.encode(), hashlib.sha256).hexdigest() if key else None
    with engine.begin() as connection:
        return int(
            connection.execute(
                text("INSERT INTO erasures (person, still_given) VALUES (:person, :given) RETURNING erasure"),
                {"person": person, "given": json.dumps(still_given)},
            ).scalar_one()
        )


def finish(engine: Engine, erasure: int, removed: Mapping[str, Any]) -> None:
    """Records that an erasure is done, and what it removed."""
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE erasures SET finished_at = now(), removed = :removed WHERE erasure = :erasure"),
            {"removed": json.dumps(removed), "erasure": erasure},
        )
