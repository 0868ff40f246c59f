"""Contents of the page of fairness and privacy: all columns of the audit's views and of the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from chatrec.errors import SettingsError
from chatrec_airflow.pages.reader import Reader

MAX_ROWS = 200


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
        "Shares of exposure by provider: the target, the minimum owed, and the exposure of the published lists.",
        "exposure",
        "No exposure has been measured: fairness.attribute is empty, or no run has been published since.",
    ),
    Table(
        "Quality by attribute",
        "Metrics on held-out events by attribute of users, with 95 % intervals.",
        "metric_by_attribute",
        "No metrics have been measured: fairness.audit is empty, or no run has been published since.",
    ),
    Table(
        "Privacy ledger",
        "Privacy loss of each release. A smaller epsilon reveals less about any one user.",
        "privacy_ledger",
        "No release has been made: privacy.enabled is false, or no run has been published since.",
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
            result = connection.execute(text(f"SELECT * FROM {table.name} ORDER BY {order} LIMIT {MAX_ROWS}"))
            return Table(**{**vars(table), "columns": tuple(result.keys()), "rows": [tuple(row) for row in result]})
    except SettingsError as error:
        return Table(**{**vars(table), "problem": str(error)})
