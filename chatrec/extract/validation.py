"""What events and queries have in common: ids become rows, and the first rule that a row breaks is the reason."""

from collections.abc import Mapping

import polars as pl

CLOCKS_MAY_DIFFER_MICROSECONDS = 5 * 60 * 1_000_000


def dense(ids: pl.Series, id_name: str, name: str) -> pl.DataFrame:
    """Ids beside the numbers of their rows, to be joined."""
    return pl.DataFrame({id_name: ids, name: pl.arange(len(ids), dtype=pl.Int32, eager=True)})


def until(now: int) -> int:
    """The latest time that is not in the future, microseconds since 1970."""
    return now + CLOCKS_MAY_DIFFER_MICROSECONDS


def wrong_times(now: int) -> dict[str, pl.Expr]:
    """Which rows have no time in the past, by reason."""
    return {
        "occurred_at is null or infinite": pl.col("occurred_at").is_null(),
        "occurred_at is in the future": pl.col("occurred_at") > until(now),
    }


def first_broken(rules: Mapping[str, pl.Expr]) -> pl.Expr:
    """The first rule that a row breaks, in words; null if it keeps all."""
    return pl.coalesce(*(pl.when(broken).then(pl.lit(reason)) for reason, broken in rules.items()))


def time_as_text() -> pl.Expr:
    """occurred_at for people."""
    time = pl.from_epoch("occurred_at", time_unit="us").dt.to_string("iso:strict") + "Z"
    return time.alias("occurred_at")
