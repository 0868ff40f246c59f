"""Counts of what a snapshot contains. PostgreSQL gave the rows; the counts are made of the files, column by column."""

from pathlib import Path

import polars as pl

from chatrec.data.interactions import DAY
from chatrec.extract.schema import ACTIVE, ARRIVED_AT, ATTRIBUTES, INTERACTIONS, ITEMS, USERS
from chatrec.runs.results import Contents

NOT_COUNTED = {"user_id", "item_id", "available", ACTIVE, ARRIVED_AT, ATTRIBUTES}
"""Columns without text, or counted otherwise."""
YEAR = 365
"""Days before the newest event in which the longest pause is looked for."""


def contents_of(folder: Path, taken_at: int) -> Contents:
    """Count the contents of a snapshot.

    Args:
        folder: Folder of the snapshot.
        taken_at: Time of the snapshot, microseconds since 1970.
    """
    events = pl.scan_parquet(folder / INTERACTIONS)
    users = events.select(pl.col("user").n_unique()).collect(engine="streaming").item()
    available = pl.scan_parquet(folder / ITEMS).select(pl.col("available").sum()).collect(engine="streaming").item()
    filled = {**_filled(folder / USERS, "users"), **_filled(folder / ITEMS, "items")}
    days = events.select((pl.col("occurred_at") // DAY).unique().sort()).collect(engine="streaming").to_series()
    newest = events.select(pl.col("occurred_at").max()).collect(engine="streaming").item()
    if not newest:
        return Contents(users, int(available or 0), filled)
    pauses = days.filter(days >= days[-1] - YEAR).diff().drop_nulls()
    return Contents(users, int(available or 0), filled, (taken_at - newest) / DAY, float(pauses.max() or 0))  # type: ignore[arg-type]


def _filled(file: Path, relation: str) -> dict[str, int]:
    """Numbers of rows with a text, or with a list that is not empty, by column."""
    rows = pl.scan_parquet(file)
    names = [name for name in rows.collect_schema() if name not in NOT_COUNTED]
    if not names:
        return {}
    kinds = rows.collect_schema()
    values = [
        (pl.col(name).list.len() > 0 if isinstance(kinds[name], pl.List) else pl.col(name).str.len_bytes() > 0).sum()
        for name in names
    ]
    counts = rows.select(values).collect(engine="streaming").row(0)
    return {f"{relation}.{name}": int(count or 0) for name, count in zip(names, counts, strict=True)}
