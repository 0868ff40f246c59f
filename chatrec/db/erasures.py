"""Remove a user's rows from chatrec's tables, and record the erasure."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2 import sql
from sqlalchemy import Engine, text

from chatrec.db.engine import cursor

QUARANTINED = sql.SQL("DELETE FROM quarantine WHERE relation <> 'items' AND row_data ->> 'user_id' = {}")
"""Quarantined items are kept: a user_id of an item is a text of the catalogue, not a user."""


def remove_rows(engine: Engine, tables: Sequence[str], user: str) -> int:
    """Remove a user's rows, and vacuum and analyse the tables, so that free space and statistics lose them too.

    Args:
        engine: Engine of the database.
        tables: Tables with a column user_id.
        user: User id, as PostgreSQL writes it.

    Returns:
        Number of removed rows.
    """
    condition = sql.SQL("DELETE FROM {} WHERE user_id = {}")
    return sum(_delete(engine, table, condition.format(sql.Identifier(table), sql.Literal(user))) for table in tables)


def remove_quarantined(engine: Engine, user: str) -> int:
    """Remove a user's quarantined rows; returns their number."""
    return _delete(engine, "quarantine", QUARANTINED.format(sql.Literal(user)))


def _delete(engine: Engine, table: str, statement: sql.Composable) -> int:
    with cursor(engine) as opened:
        opened.execute(statement)
        removed = int(opened.rowcount)
        opened.execute("SELECT current_schema()")
        (schema,) = opened.fetchone()
    if removed:
        with cursor(engine, autocommit=True) as opened:
            opened.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(schema, table)))
    return removed


def hash_of(user: str, key: str) -> str | None:
    """HMAC of a user id, for records that outlive an erasure; None without a key, because ids can be guessed."""
    return hmac.new(key.encode(), user.encode(), hashlib.sha256).hexdigest() if key else None


def begin(engine: Engine, user: str, key: str, still_given: Mapping[str, int]) -> int:
    """Record the start of an erasure.

    Args:
        engine: Engine of the database.
        user: User id, as PostgreSQL writes it. It is not stored.
        key: Key of the stored HMAC of the id. Without a key none is stored, because ids can be guessed.
        still_given: Number of rows that the mapping SELECTs still return, by relation.

    Returns:
        Number of the erasure.
    """
    user_hash = hash_of(user, key)
    with engine.begin() as connection:
        return int(
            connection.execute(
                text("INSERT INTO erasures (user_hash, still_given) VALUES (:user_hash, :given) RETURNING erasure"),
                {"user_hash": user_hash, "given": json.dumps(still_given)},
            ).scalar_one()
        )


def finish(engine: Engine, erasure: int, removed: Mapping[str, Any]) -> None:
    """Record the end of an erasure and what it removed."""
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE erasures SET finished_at = now(), removed = :removed WHERE erasure = :erasure"),
            {"removed": json.dumps(removed), "erasure": erasure},
        )
