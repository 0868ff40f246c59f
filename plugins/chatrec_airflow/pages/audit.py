"""What the page of fairness and privacy shows: whatever columns the audit's views and the ledger have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from chatrec.errors import SettingsError
from chatrec_airflow.pages.reader import Reader

ROWS_AT_MOST = 200


@dataclass(frozen=True)
class Table:
    """A view or table, if this installation has it."""

    title: str
    about: str
    name: str
    empty: str
    """What to say if it is not there or has no rows."""
    order: str = "1"
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[Any, ...]] = ()
    problem: str = ""
    """Why it cannot be read."""


TABLES = (
    Table(
        "Exposure",
        "How much of what is shown each part of the catalogue gets.",
        "exposure",
        "No exposure is measured here: [fairness] is off, or no night has been published since it was turned on.",
    ),
    Table(
        "Quality by attribute",
        "How good the lists are for people of each kind.",
        "metric_by_attribute",
        "No quality by attribute is measured here: [fairness] is off, or no night has been published since.",
    ),
    Table(
        "Privacy ledger",
        "What each release has spent: the smaller epsilon, the less it tells of any one person.",
        "privacy_ledger",
        "Nothing has been spent: [privacy] is off, or no private release has been made yet.",
        "made_at DESC",
    ),
)


def tables(reader: Reader) -> list[Table]:
    """All tables with their rows, those that are not there without."""
    return [_filled(reader, table) for table in TABLES]


def _filled(reader: Reader, table: Table) -> Table:
    try:
        with reader.chatrec() as connection:
            there = connection.execute(
                text("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0"),
                {"name": table.name},
            ).scalars()
            columns = set(there)
            if not columns:
                return table
            order = table.order if table.order.split()[0] in columns else "1"
            found = connection.execute(text(f"SELECT * FROM {table.name} ORDER BY {order} LIMIT {ROWS_AT_MOST}"))
            return Table(**{**vars(table), "columns": tuple(found.keys()), "rows": [tuple(row) for row in found]})
    except SettingsError as error:
        return Table(**{**vars(table), "problem": str(error)})
