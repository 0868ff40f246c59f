"""Contents of the page of recommendations: a user's lists in two runs, history and attention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from chatrec.db.records import RunRecord
from chatrec.errors import ChatrecError
from chatrec.publish.read import Recommendation, id_type
from chatrec_airflow.pages.reader import Reader

MAX_MATCHES = 12
MAX_HISTORY = 30
WRITTEN = '(user_id::text) COLLATE "C"'
"""Written form of user ids, which search uses: the expression of the index users_by_prefix."""


@dataclass(frozen=True)
class Recommended(Recommendation):
    """A row of a list, compared with another run."""

    moved: str = ""
    """Change against the other run: "new", "gone", "same", "up 3" or "down 2"; empty without another run."""


@dataclass(frozen=True)
class Event:
    """An interaction of the user."""

    item_id: str
    title: str
    event: str
    occurred_at: datetime | None
    """None if events have no times."""
    later: bool
    """Whether it happened after the snapshot of the run."""


def id_types(connection: Connection) -> dict[str, str]:
    """PostgreSQL types of `user_id` and `item_id`."""
    return {column: id_type(connection, column) for column in ("user_id", "item_id")}


def find(connection: Connection, run: int, beginning: str) -> list[str]:
    """Ids of users with a list in a run whose written form has a prefix, sorted; an exact match comes first."""
    escaped = beginning.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = connection.execute(
        text(f"""
            SELECT user_id::text FROM recommendations_kept
            WHERE run = :run AND rank = 1 AND {WRITTEN} LIKE :pattern ORDER BY {WRITTEN} LIMIT :most
        """),
        {"run": run, "pattern": f"{escaped}%", "most": MAX_MATCHES},
    )
    return list(rows.scalars())


def compare(rows: Sequence[Recommendation], other: Sequence[Recommendation], absent: str) -> list[Recommended]:
    """Add to the rows of a list how each moved against the list of another run.

    Args:
        rows: Rows of this list.
        other: Rows of the other list.
        absent: Value of `moved` for a row that the other list does not have.
    """
    ranks = {row.item_id: row.rank for row in other}
    return [
        Recommended(**vars(row), moved=_moved(ranks[row.item_id] - row.rank) if row.item_id in ranks else absent)
        for row in rows
    ]


def _moved(ranks: int) -> str:
    return "same" if ranks == 0 else f"{'up' if ranks > 0 else 'down'} {abs(ranks)}"


def attention(connection: Connection, run: int, user: str, id_type: str) -> Sequence[Row[Any]]:
    """Groups with the most attention of a user: name and attention."""
    return connection.execute(
        text(f"""
            SELECT coalesce(name, '') AS name, attention FROM user_groups_kept
            WHERE run = :run AND user_id = CAST(:user AS {id_type}) ORDER BY rank
        """),
        {"run": run, "user": user},
    ).all()


def history(reader: Reader, run: RunRecord, user: str, types: Mapping[str, str]) -> tuple[list[Event], str]:
    """Latest events of a user, the newest first, from the source tables.

    Returns:
        The events, and the reason if they cannot be read.
    """
    try:
        with reader.source() as connection:
            select = reader.settings.source.interactions.replace("%", "%%")
            result = connection.exec_driver_sql(  # by name out of a JSON object: the column may be missing
                f"SELECT *, (to_jsonb(events)->>'occurred_at')::timestamptz AS at FROM ({select}\n) AS events "
                f"WHERE user_id = CAST(%(user)s AS {types['user_id']}) ORDER BY at DESC NULLS LAST LIMIT %(most)s",
                {"user": user, "most": MAX_HISTORY},
            )
            events = [
                dict(row)
                for row in result.mappings()
                if row["item_id"] is not None and (row["at"] is not None or "occurred_at" not in row)
            ]
        with reader.chatrec() as connection:
            titles = _titles(connection, [str(row["item_id"]) for row in events], types["item_id"])
    except ChatrecError as error:
        return [], str(error)
    read = run.snapshot_at
    return [
        Event(
            item,
            titles.get(item, ""),
            str(row.get("event") or ""),
            row["at"],
            read is not None and row["at"] is not None and row["at"] > read,
        )
        for row in events
        for item in [str(row["item_id"])]
    ], ""


def _titles(connection: Connection, items: list[str], id_type: str) -> dict[str, str]:
    rows = connection.execute(
        text(f"SELECT item_id::text, title FROM items WHERE item_id = ANY (CAST(:items AS {id_type}[]))"),
        {"items": items},
    )
    return {item: title or "" for item, title in rows}
