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
    active = _count(pl.scan_parquet(folder / USERS).select(pl.col(ACTIVE).sum()))
    with_history = _count(events.select(pl.col("user").n_unique()))
    available = _count(pl.scan_parquet(folder / ITEMS).select(pl.col("available").sum()))
    filled = {**_filled(folder / USERS, "users"), **_filled(folder / ITEMS, "items")}
    newest = _count(events.select(pl.col("occurred_at").max()))
    if not newest:
        return Contents(active, with_history, available, filled)
    in_a_year = events.filter(pl.col("occurred_at") > newest - YEAR * DAY)
    days = in_a_year.select((pl.col("occurred_at") // DAY).unique().sort())
    pause = _count(days.select(pl.col("occurred_at").diff().max()))
    return Contents(active, with_history, available, filled, (taken_at - newest) / DAY, pause)


def _count(selected: pl.LazyFrame) -> int:
    """Collect a single number; 0 for null."""
    return int(selected.collect(engine="streaming").item() or 0)


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
