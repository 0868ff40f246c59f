"""Contents of the page of fairness and privacy: all columns of the audit's views and of the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from chatrec.errors import SettingsError
from chatrec_airflow.pages.reader import Reader

ROWS_AT_MOST = 200


@dataclass(frozen=True)
class Table:
    """A view or table, which an installation may lack."""

    title: str
    about: str
    name: str
    empty: str
    """Message if it does not exist or has no rows."""
    order: str = "1"
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[Any, ...]] = ()
    problem: str = ""
    """Reason why it cannot be read."""


TABLES = (
    Table(
        "Exposure",
        "Share of the exposure that each part of the catalogue receives.",
        "exposure",
        "No exposure is measured here: [fairness] is off, or no run has been published since it was turned on.",
    ),
    Table(
        "Quality by attribute",
        "Quality of the lists for each group of users.",
        "metric_by_attribute",
        "No quality by attribute is measured here: [fairness] is off, or no run has been published since.",
    ),
    Table(
        "Privacy ledger",
        "Privacy loss of each release: the smaller epsilon, the less it reveals about any one user.",
        "privacy_ledger",
        "Nothing has been spent: [privacy] is off, or no private release has been made yet.",
        "made_at DESC",
    ),
)


def tables(reader: Reader) -> list[Table]:
    """All tables with their rows; tables that do not exist have none."""
    return [_filled(reader, table) for table in TABLES]


def _filled(reader: Reader, table: Table) -> Table:
    try:
        with reader.chatrec() as connection:
            attributes = connection.execute(
                text("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0"),
                {"name": table.name},
            ).scalars()
            columns = set(attributes)
            if not columns:
                return table
            order = table.order if table.order.split()[0] in columns else "1"
            result = connection.execute(text(f"SELECT * FROM {table.name} ORDER BY {order} LIMIT {ROWS_AT_MOST}"))
            return Table(**{**vars(table), "columns": tuple(result.keys()), "rows": [tuple(row) for row in result]})
    except SettingsError as error:
        return Table(**{**vars(table), "problem": str(error)})
