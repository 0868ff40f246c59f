"""A dataset: interactions as arrays, with the ids of their users and items, and what is known of both."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions, starts_of
from chatrec.errors import DataError

INTERACTIONS, ITEMS, USERS = "interactions", "items", "users"
CONTRACT: dict[str, pl.DataType] = {"title": pl.String(), "groups": pl.List(pl.String), "available": pl.Boolean()}
"""Columns of items that mean something to models; all others are texts."""
DEFAULTS: dict[str, Any] = {"title": None, "groups": [], "available": True}
SECONDS = 9e12
"""The largest number of seconds whose microseconds fit into 64 bits."""


@dataclass(frozen=True)
class Dataset:
    """What models are fitted on.

    Example:
        >>> import polars as pl
        >>> frame = pl.DataFrame({"user_id": ["ada", "ada", "bob"], "item_id": [7, 9, 9]})
        >>> dataset = Dataset.from_frames(frame)
        >>> len(dataset.users), len(dataset.items), dataset.interactions.items.tolist()
        (2, 2, [0, 1, 1])
    """

    users: pl.DataFrame
    """user_id and attributes; the row number is the user's index in all arrays."""
    items: pl.DataFrame
    """item_id, title, groups, available and texts; the row number is the item's index in all arrays."""
    interactions: Interactions
    """Events by user, the oldest first."""

    @classmethod
    def from_frames(cls, interactions: Any, items: Any = None, users: Any = None) -> Self:
        """Builds a dataset from tables.

        Args:
            interactions: Columns user_id and item_id; optional occurred_at (a time, a date, or seconds since 1970;
                without it the rows are in order) and weight (a positive number, 1 by default).
            items: Column item_id; optional title, groups (lists of text) and available (boolean); further columns are
                texts. Items without interactions are cold items. By default the items of the interactions.
            users: Column user_id; further columns are attributes. By default the users of the interactions.

        Every table is a pandas, polars or Arrow table, or the path of a Parquet file. Ids are whole numbers or text.

        Raises:
            DataError: A column is missing or of the wrong type, an id is null, unknown or there twice, or there are no
                interactions.
        """
        events = _frame(interactions, INTERACTIONS, "user_id", "item_id")
        if events.is_empty():
            raise DataError(f"{INTERACTIONS} has no rows: a model needs at least one.")
        known_users = _described(users, USERS, "user_id", events)
        known_items = _described(items, ITEMS, "item_id", events)
        order = events.with_columns(
            user=_rows(events, known_users, "user_id", USERS), item=_rows(events, known_items, "item_id", ITEMS)
        ).with_columns(time=_times(events), weight=_weights(events))
        order = order.sort("user", "time", maintain_order=True)
        made = Interactions(
            starts_of(order["user"].to_numpy(), known_users.height),
            order["item"].to_numpy(),
            order["weight"].to_numpy(),
            order["time"].to_numpy(),
        )
        return cls(known_users, _catalogue(known_items), made)

    @cached_property
    def available(self) -> Array:
        """bool for each item: whether lists may have it."""
        return self.items["available"].to_numpy()

    def user_rows(self, ids: Any) -> Array:
        """The rows of some users.

        Raises:
            DataError: An id is unknown.
        """
        return self._rows_of(ids, self.users["user_id"], "user")

    def item_rows(self, ids: Any) -> Array:
        """The rows of some items.

        Raises:
            DataError: An id is unknown.
        """
        return self._rows_of(ids, self.items["item_id"], "item")

    def _rows_of(self, ids: Any, known: pl.Series, kind: str) -> Array:
        wanted = _ids(pl.Series(f"{kind}_id", [ids] if isinstance(ids, str | int) else ids), f"{kind} ids")
        if wanted.dtype != known.dtype and len(wanted):
            raise DataError(f"The ids of {kind}s are {_kind(known)} in this dataset, not {_kind(wanted)}.")
        rows = wanted.to_frame("id").join(
            known.to_frame("id").with_row_index("row"), on="id", how="left", maintain_order="left"
        )["row"]
        if rows.null_count():
            raise DataError(f"Unknown {kind} {wanted.filter(rows.is_null())[0]!r}: this dataset has no such id.")
        return rows.cast(pl.Int64).to_numpy()


def _frame(table: Any, name: str, *ids: str) -> pl.DataFrame:
    """Any table as a polars frame that has its ids."""
    frame = _read(table, name)
    for column in ids:
        if column not in frame.columns:
            there = ", ".join(frame.columns) or "none"
            raise DataError(f"{name} has no column {column}. It has {there}: rename one of them.")
        nulls = frame[column].null_count()
        if nulls:
            raise DataError(f"{name} has {nulls:,} rows without {column}: remove them, or find out whose they are.")
    return frame.with_columns(_ids(frame[column], f"{name}.{column}") for column in ids)


def _read(table: Any, name: str) -> pl.DataFrame:
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if isinstance(table, str | Path):
        if not Path(table).is_file():
            raise DataError(f"There is no file {table} for {name}: name a Parquet file, or pass a table.")
        return pl.read_parquet(table)
    try:
        return pl.DataFrame(table)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} is a {type(table).__name__}, which is no table: pass a pandas, polars or Arrow table, or the path "
            f"of a Parquet file. {error}"
        ) from None


def _ids(values: pl.Series, name: str) -> pl.Series:
    """Ids as whole numbers or text."""
    if values.dtype.is_integer():
        return values.cast(pl.Int64)
    if values.dtype in (pl.String, pl.Categorical, pl.Enum):
        return values.cast(pl.String)
    if values.dtype == pl.Object:
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1:
            names = " and ".join(sorted(kind.__name__ for kind in kinds))
            raise DataError(f"{name} has ids of two kinds, {names}: make all of them text.")
        return pl.Series(values.name, [None if value is None else str(value) for value in values], pl.String)
    if not len(values):
        return values.cast(pl.String)
    raise DataError(f"{name} is of type {values.dtype}: ids are whole numbers or text.")


def _described(table: Any, name: str, column: str, events: pl.DataFrame) -> pl.DataFrame:
    """Users or items, each once; by default those of the interactions, in the order of their ids."""
    if table is None:
        return events.select(column).unique().sort(column)
    frame = _frame(table, name, column)
    if frame[column].dtype != events[column].dtype:
        raise DataError(
            f"{name}.{column} is {_kind(frame[column])} and {INTERACTIONS}.{column} is {_kind(events[column])}: "
            "make both of one kind."
        )
    twice = frame.filter(pl.col(column).is_duplicated())
    if twice.height:
        raise DataError(f"{name} has {column} {twice[column][0]!r} more than once: keep one row of each.")
    return frame


def _rows(events: pl.DataFrame, known: pl.DataFrame, column: str, name: str) -> pl.Series:
    """The row of each event's user or item."""
    numbered = known.select(column).with_row_index("row")
    rows = events.select(column).join(numbered, on=column, how="left", maintain_order="left")["row"]
    if rows.null_count():
        unknown = events[column].filter(rows.is_null())
        raise DataError(
            f"{len(unknown):,} rows of {INTERACTIONS} have a {column} that {name} lacks, such as {unknown[0]!r}: add "
            f"it to {name}, or leave those rows out."
        )
    return rows.cast(pl.Int32)


def _times(events: pl.DataFrame) -> pl.Series:
    """Microseconds since 1970; the number of the row where no time is given."""
    if "occurred_at" not in events.columns:
        return pl.int_range(events.height, dtype=pl.Int64, eager=True)
    times = events["occurred_at"]
    if times.dtype == pl.String:
        try:
            times = times.str.to_datetime(time_zone="UTC")
        except pl.exceptions.PolarsError:
            raise DataError(f"{INTERACTIONS}.occurred_at is text that is no time: pass times or numbers.") from None
    if times.null_count():
        raise DataError(f"{INTERACTIONS} has {times.null_count():,} rows without occurred_at: leave them out.")
    if times.dtype.is_temporal():
        return times.cast(pl.Datetime("us")).cast(pl.Int64)
    if times.dtype.is_numeric() and times.is_between(-SECONDS, SECONDS).all():
        return (times * 1_000_000).cast(pl.Int64)
    raise DataError(
        f"{INTERACTIONS}.occurred_at is no time: pass times, dates, or numbers that are seconds since 1970."
    )


def _weights(events: pl.DataFrame) -> pl.Series:
    if "weight" not in events.columns:
        return pl.Series(np.ones(events.height, np.float32))
    weights = events["weight"].cast(pl.Float32, strict=False).fill_null(float("nan"))
    wrong = ~(weights.is_finite() & (weights > 0))
    if wrong.any():
        raise DataError(f"{wrong.sum():,} rows of {INTERACTIONS} have a weight that is not a positive number.")
    return weights


def _catalogue(items: pl.DataFrame) -> pl.DataFrame:
    """Items with the columns of the contract, and all others as text."""
    given = items.columns
    for name, kind in CONTRACT.items():
        if name in given and items[name].dtype not in (kind, pl.Null):
            raise DataError(f"{ITEMS}.{name} is of type {items[name].dtype}: it must be {kind}.")
    others = [name for name in given if name != "item_id" and name not in CONTRACT]
    known = [
        (pl.col(name) if name in given else pl.lit(DEFAULTS[name]).alias(name)).cast(kind)
        for name, kind in CONTRACT.items()
    ]
    made = items.select("item_id", *known, *(pl.col(name).cast(pl.String) for name in others))
    return made.with_columns(pl.col(name).fill_null(value) for name, value in DEFAULTS.items() if value is not None)


def _kind(ids: pl.Series) -> str:
    return "numbers" if ids.dtype.is_integer() else "text"
