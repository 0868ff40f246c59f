"""Values of PostgreSQL that no library holds, read as the nearest ones that can be: they go to the quarantine.

A date may be in the year 5874897, a numeric may have 131,072 digits, and a time of the last years has more microseconds
than 64 bits hold.
"""

import polars as pl

from chatrec.data.interactions import DAY

LAST_TIME = "294247-01-01 00:00:00+00"
"""Later times are read as this one, the last year whose microseconds since 1970 fit into 64 bits."""
LAST_MICROSECONDS = 9_223_371_244_800_000_000
CALENDAR = 146_097 * DAY
"""Microseconds of 400 years, after which the calendar repeats."""


def time_column(name: str) -> str:
    """SQL expression of a column of times or dates as timestamptz."""
    later = f"{name} > '{LAST_TIME}' AND isfinite({name})"
    return f"CASE WHEN {later} THEN '{LAST_TIME}' ELSE {name}::timestamptz END"


def microseconds(time: str) -> str:
    """SQL expression of a time as microseconds since 1970; null for infinity."""
    return f"CASE WHEN isfinite({time}) THEN (extract(epoch FROM {time}) * 1000000)::bigint END"


def weight_column(name: str, kind: str) -> str:
    """SQL expression of a column of numbers as float8. A numeric beyond its range is read as 1e300 or 1e-300."""
    if kind != "numeric":
        return f"{name}::float8"
    return (
        f"CASE WHEN {name} = 0 OR abs({name}) BETWEEN 1e-300 AND 1e300 OR {name}::text ~ 'N|I' THEN {name}::float8 "
        f"WHEN abs({name}) < 1 THEN sign({name}) * 1e-300 ELSE sign({name}) * 1e300 END"
    )


def time_as_text() -> pl.Expr:
    """Column occurred_at as ISO 8601 text, in any year."""
    time = pl.col("occurred_at")
    moment = pl.from_epoch(time % CALENDAR, time_unit="us")
    year = moment.dt.year() + 400 * (time // CALENDAR)
    digits = pl.when(year < 0).then(5).otherwise(4)
    rest = moment.dt.to_string("%m-%dT%H:%M:%S%.6fZ")
    later = pl.when(time == LAST_MICROSECONDS).then(pl.lit(" or later")).otherwise(pl.lit(""))
    return pl.concat_str(year.cast(pl.String).str.zfill(digits), pl.lit("-"), rest, later).alias("occurred_at")
