"""Validation of events and queries: ids become row numbers, and the first broken rule is the reason."""

from collections.abc import Mapping

import polars as pl

from chatrec.data.interactions import SECOND

CLOCKS_MAY_DIFFER_MICROSECONDS = 5 * 60 * SECOND


def dense(ids: pl.Series, id_name: str, name: str) -> pl.DataFrame:
    """Frame of ids and their row numbers, to join on."""
    return pl.DataFrame({id_name: ids, name: pl.arange(len(ids), dtype=pl.Int32, eager=True)})


def until(now: int) -> int:
    """Latest accepted time, microseconds since 1970; tolerates clocks that differ."""
    return now + CLOCKS_MAY_DIFFER_MICROSECONDS


def wrong_times(now: int) -> dict[str, pl.Expr]:
    """Rules about times: expressions that are true for invalid rows, by reason."""
    return {
        "occurred_at is null or infinite": pl.col("occurred_at").is_null(),
        "occurred_at is in the future": pl.col("occurred_at") > until(now),
    }


def first_broken(rules: Mapping[str, pl.Expr]) -> pl.Expr:
    """Reason of the first broken rule; null for a valid row."""
    return pl.coalesce(*(pl.when(broken).then(pl.lit(reason)) for reason, broken in rules.items()))


def time_as_text() -> pl.Expr:
    """Column occurred_at as ISO 8601 text."""
    time = pl.from_epoch("occurred_at", time_unit="us").dt.to_string("iso:strict") + "Z"
    return time.alias("occurred_at")
