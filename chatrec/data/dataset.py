"""Datasets: interactions as arrays, with the ids, attributes and texts of their users and items."""

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import polars as pl

from chatrec.data.arrays import Array, BoolArray, FloatArray, IntArray
from chatrec.data.interactions import LEAST_WEIGHT, MOST_WEIGHT, Interactions, starts_of, tie_order
from chatrec.errors import DataError, UnknownItem, UnknownUser

INTERACTIONS, ITEMS, USERS = "interactions", "items", "users"
CONTRACT: dict[str, pl.DataType] = {"title": pl.String(), "groups": pl.List(pl.String), "available": pl.Boolean()}
"""Columns of items with a meaning for models; all others are texts."""
DEFAULTS: dict[str, Any] = {"title": None, "groups": [], "available": True}
SECONDS = 9e12
"""The largest number of seconds whose microseconds fit into 64 bits."""
UNIT = 1e-3
"""Tolerance of the length of a unit vector."""
FrameKind = Literal["polars", "pandas", "arrow"]


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """Interactions of users with items, attributes of users, and texts and vectors of items: the input of models.

    `Dataset.from_frames` makes one from tables. A dataset does not change; `with_vectors` returns another.

    Examples:
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
    vectors: FloatArray | None = None
    """Text vectors of the items, float32, items × dimensions, of unit length or zero; see `with_vectors`."""
    kind: FrameKind = "polars"
    """Kind of the interactions given, and so of the frames that models return."""

    def __repr__(self) -> str:
        events = len(self.interactions.items)
        return f"Dataset(users={self.users.height}, items={self.items.height}, interactions={events})"

    @classmethod
    def from_frames(cls, interactions: Any, items: Any = None, users: Any = None) -> Self:
        """Builds a dataset from tables.

        Args:
            interactions: Columns user_id and item_id; optional occurred_at (a time, a date, or seconds since 1970) and
                weight (a positive number, 1 by default). Without occurred_at the rows are in order; with it, a user's
                events at one time are a set without an order.
            items: Column item_id; optional title, groups (lists of text) and available (boolean: whether lists may
                have the item); further columns are texts. Items without interactions are cold items, which come
                last in the lists of an ensemble. By default the items of the interactions.
            users: Column user_id; further columns are attributes. By default the users of the interactions.

        Every table is a pandas, polars or Arrow table, a mapping of columns, or the path of a Parquet or CSV file. Ids
        are whole numbers or text. Models return frames of the kind of `interactions`: pandas for pandas, Arrow for
        Arrow, else polars.

        Raises:
            DataError: A column is missing or of the wrong type, an id is null, unknown or there twice, a weight is not
                a positive number, a file does not exist, or there are no interactions.

        Examples:
            >>> Dataset.from_frames({"user_id": [1, 1, 2], "item_id": ["tea", "cup", "tea"]})
            Dataset(users=2, items=2, interactions=3)
        """
        events = _frame(interactions, INTERACTIONS, "user_id", "item_id")
        if events.is_empty():
            raise DataError(f"{INTERACTIONS} has no rows: a model needs at least one.")
        known_users = _described(users, USERS, "user_id", events)
        known_items = _described(items, ITEMS, "item_id", events)
        order = events.with_columns(
            user=_rows(events, known_users, "user_id", USERS), item=_rows(events, known_items, "item_id", ITEMS)
        ).with_columns(time=_times(events), weight=_weights(events))
        ties = pl.Series("tie", tie_order(order["user"].to_numpy(), order["item"].to_numpy()))
        order = order.with_columns(ties).sort("user", "time", "tie", maintain_order=True)
        made = Interactions(
            starts_of(order["user"].to_numpy(), known_users.height),
            order["item"].to_numpy(),
            order["weight"].to_numpy(),
            order["time"].to_numpy(),
        )
        return cls(_attributes(known_users), _catalogue(known_items), made, kind=_kind_of(interactions))

    def with_vectors(self, vectors: Array) -> Self:
        """Returns the dataset with vectors of its items, which models of texts and the ensemble use.

        Args:
            vectors: items × dimensions, in the order of `items`, such as the result of `TextEncoder.encode`. They are
                brought to unit length; a row of zeros stands for an item without text.

        Raises:
            DataError: The shape is wrong, or a value is not a finite number.

        Examples:
            >>> dataset = Dataset.from_frames({"user_id": [1, 2], "item_id": ["tea", "cup"]})
            >>> dataset.with_vectors([[3, 4], [0, 1]]).vectors.tolist()
            [[0.6000000238418579, 0.800000011920929], [0.0, 1.0]]
        """
        try:
            given = np.asarray(vectors, np.float32)
        except (TypeError, ValueError):
            raise DataError("vectors is not an array of numbers: pass one of shape items × dimensions.") from None
        if given.ndim != 2 or len(given) != self.items.height or not given.shape[1]:
            raise DataError(
                f"vectors has the shape {given.shape}: it must have a row for each of the {self.items.height:,} items, "
                "in the order of `items`."
            )
        if not np.isfinite(given).all():
            raise DataError("vectors has values that are not finite: replace them, or the row by zeros.")
        lengths = np.linalg.norm(given, axis=1, keepdims=True)
        scaled = np.where(abs(lengths - 1) > UNIT, given / np.where(lengths > 0, lengths, 1), given)
        return replace(self, vectors=scaled.astype(np.float32))

    def with_interactions(self, interactions: Interactions) -> Self:
        """Returns the dataset with other interactions of the same users and items."""
        return replace(self, interactions=interactions)

    @cached_property
    def available(self) -> BoolArray:
        """bool for each item: whether lists may have it."""
        return self.items["available"].to_numpy()

    def user_rows(self, ids: Any) -> IntArray:
        """The rows of some users.

        Args:
            ids: One id, or a list, an array or a column of ids.

        Raises:
            UnknownUser: The dataset has no user of an id.
            DataError: An id is of the wrong type.
        """
        return self._rows_of(ids, self.users["user_id"], "user", UnknownUser)

    def item_rows(self, ids: Any) -> IntArray:
        """The rows of some items.

        Args:
            ids: One id, or a list, an array or a column of ids.

        Raises:
            UnknownItem: The dataset has no item of an id.
            DataError: An id is of the wrong type.
        """
        return self._rows_of(ids, self.items["item_id"], "item", UnknownItem)

    def _rows_of(self, ids: Any, ids_of_dataset: pl.Series, kind: str, unknown: type[DataError]) -> IntArray:
        wanted = _ids(_column(ids, kind), f"{kind} ids")
        if wanted.null_count():
            raise DataError(f"The ids of {kind}s have {wanted.null_count():,} that are null: leave them out.")
        if wanted.dtype != ids_of_dataset.dtype and len(wanted):
            raise DataError(f"The ids of {kind}s are {_kind(ids_of_dataset)} in this dataset, not {_kind(wanted)}.")
        rows = wanted.to_frame("id").join(
            ids_of_dataset.to_frame("id").with_row_index("row"), on="id", how="left", maintain_order="left"
        )["row"]
        if rows.null_count():
            raise unknown(
                f"Unknown {kind} {wanted.filter(rows.is_null())[0]!r}: this dataset has no such id. Add it to {kind}s= "
                "of Dataset.from_frames and fit again, or ask for others."
            )
        return rows.cast(pl.Int64).to_numpy()


def _frame(table: Any, name: str, *ids: str) -> pl.DataFrame:
    """Any table as a polars frame that has its ids."""
    frame = _read(table, name)
    for column in ids:
        if column not in frame.columns:
            names = ", ".join(frame.columns) or "none"
            raise DataError(f"{name} has no column {column}. It has {names}: rename one of them.")
        nulls = frame[column].null_count()
        if frame.schema[column].is_float():
            nulls += int(frame[column].is_nan().sum())
        if nulls:
            raise DataError(f"{name} has {nulls:,} rows without {column}: remove them, or fill in their ids.")
    return frame.with_columns(_ids(frame[column], f"{name}.{column}") for column in ids)


def _column(ids: Any, kind: str) -> pl.Series:
    """One id or several as a column."""
    one = isinstance(ids, str | int | np.integer) or not hasattr(ids, "__iter__")
    try:
        return pl.Series(f"{kind}_id", [ids] if one else ids if hasattr(ids, "__len__") else list(ids), strict=False)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        raise DataError(f"The ids of {kind}s are a {type(ids).__name__}: pass one id, or a list of ids.") from None


def _kind_of(table: Any) -> FrameKind:
    """Kind of frame; the modules are looked up, because a table of a kind proves that they are imported."""
    pandas, arrow = sys.modules.get("pandas"), sys.modules.get("pyarrow")
    if pandas is not None and isinstance(table, pandas.DataFrame):
        return "pandas"
    return "arrow" if arrow is not None and isinstance(table, arrow.Table) else "polars"


def _read(table: Any, name: str) -> pl.DataFrame:
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if isinstance(table, str | Path):
        return _read_file(Path(table), name)
    try:
        return pl.DataFrame(table)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} is a {type(table).__name__}, which is not a table: pass a pandas, polars or Arrow table, or the "
            f"path of a Parquet or CSV file. {error}"
        ) from None


def _read_file(file: Path, name: str) -> pl.DataFrame:
    if not file.is_file():
        raise DataError(f"There is no file {file} for {name}: name a Parquet or CSV file, or pass a table.")
    try:
        if ".csv" in file.suffixes:
            return pl.read_csv(file, try_parse_dates=True)
        return pl.read_parquet(file)
    except pl.exceptions.PolarsError as error:
        kind = "CSV" if ".csv" in file.suffixes else "Parquet"
        raise DataError(f"{file} for {name} is not a valid {kind} file: {error}") from None


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


def _attributes(users: pl.DataFrame) -> pl.DataFrame:
    """Users with their attributes as text."""
    return users.with_columns(_text(users[name], USERS) for name in users.columns if name != "user_id")


def _text(values: pl.Series, table: str) -> pl.Series:
    if values.dtype.is_nested() or values.dtype in (pl.Object, pl.Binary):
        raise DataError(f"{table}.{values.name} is of type {values.dtype}: make it text or a number, or drop it.")
    return values.cast(pl.String)


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


def _rows(events: pl.DataFrame, table: pl.DataFrame, column: str, name: str) -> pl.Series:
    """The row of each event's user or item."""
    numbered = table.select(column).with_row_index("row")
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
            raise DataError(f"{INTERACTIONS}.occurred_at is text that is not a time: pass times or numbers.") from None
    if times.null_count():
        raise DataError(f"{INTERACTIONS} has {times.null_count():,} rows without occurred_at: leave them out.")
    if times.dtype.is_temporal():
        return times.cast(pl.Datetime("us")).cast(pl.Int64)
    if times.dtype.is_numeric() and times.is_between(-SECONDS, SECONDS).all():
        return (times * 1_000_000).cast(pl.Int64)
    raise DataError(
        f"{INTERACTIONS}.occurred_at is not a time: pass times, dates, or numbers that are seconds since 1970."
    )


def _weights(events: pl.DataFrame) -> pl.Series:
    if "weight" not in events.columns:
        return pl.Series(np.ones(events.height, np.float32))
    if not (events.schema["weight"].is_numeric() or events.schema["weight"] == pl.Null):
        raise DataError(f"{INTERACTIONS}.weight is of type {events.schema['weight']}: it must be a number.")
    weights = events["weight"].cast(pl.Float64, strict=False)
    wrong = ~weights.is_between(LEAST_WEIGHT, MOST_WEIGHT).fill_null(False)
    if wrong.any():
        raise DataError(
            f"{wrong.sum():,} rows of {INTERACTIONS} have a weight that is not a positive number: leave them out, or "
            f"give them one from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}."
        )
    return weights.cast(pl.Float32)


def _catalogue(items: pl.DataFrame) -> pl.DataFrame:
    """Items with the columns of the contract, and all others as text."""
    given = items.columns
    for name, kind in CONTRACT.items():
        if name in given and items[name].dtype not in (kind, pl.Null):
            raise DataError(f"{ITEMS}.{name} is of type {items[name].dtype}: it must be {kind}.")
    others = [name for name in given if name != "item_id" and name not in CONTRACT]
    fields = [
        (pl.col(name) if name in given else pl.lit(DEFAULTS[name]).alias(name)).cast(kind)
        for name, kind in CONTRACT.items()
    ]
    made = items.select("item_id", *fields, *(_text(items[name], ITEMS) for name in others))
    return made.with_columns(pl.col(name).fill_null(value) for name, value in DEFAULTS.items() if value is not None)


def _kind(ids: pl.Series) -> str:
    return "numbers" if ids.dtype.is_integer() else "text"
