"""Reading a snapshot: ids, texts and the histories and queries of users, as the steps after extraction need them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from pyarrow import parquet

from chatrec.run import TAKEN_AT
from chatrec.source.extract import SnapshotFacts
from chatrec.source.tables import INTERACTIONS, ITEMS, QUARANTINE, QUERIES, SNAPSHOT, USERS

Array = np.ndarray


def starts_of(owners: Array, users: int) -> Array:
    """Where the rows of each user begin, among rows in the order of their users: int64, users + 1."""
    return np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=users))]).astype(np.int64)


@dataclass(frozen=True)
class ByUser:
    """Rows of many users, one user after the other: those of user u are `starts[u]` to `starts[u + 1]`."""

    starts: Array
    """int64, users + 1."""

    @property
    def users(self) -> int:
        """How many users there are, those without a row included."""
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> Array:
        """Rows of each user."""
        return np.diff(self.starts)

    def positions(self, users: Array) -> tuple[Array, Array]:
        """Where all rows of some users are, one user after the other.

        Args:
            users: which.

        Returns:
            For each row, which of `users` has it, and its position.
        """
        lengths = self.lengths[users]
        owners = np.repeat(np.arange(len(users)), lengths)
        ahead = np.cumsum(lengths) - lengths
        return owners, np.arange(len(owners)) + (self.starts[users] - ahead)[owners]


@dataclass(frozen=True)
class Histories(ByUser):
    """What users took, in order: the events of user u are `items[starts[u]:starts[u + 1]]`, the oldest first."""

    items: Array
    """int32, rows of the items."""
    weights: Array
    """float32, how much each event counts."""
    times: Array
    """int64, microseconds since 1970."""

    @cached_property
    def event_users(self) -> Array:
        """The user of each event."""
        return np.repeat(np.arange(self.users), self.lengths)

    @cached_property
    def _padded_items(self) -> Array:
        return np.append(self.items, np.int32(-1))

    def of(self, user: int) -> Array:
        """The items of one user, the oldest first."""
        return self.items[self.starts[user] : self.starts[user + 1]]

    def only(self, kept: Array) -> "Histories":
        """The same users with some of their events.

        Args:
            kept: bool for each event.
        """
        starts = starts_of(self.event_users[kept], self.users)
        return Histories(starts, self.items[kept], self.weights[kept], self.times[kept])

    def distinct(self, items: int) -> tuple[Array, Array]:
        """The pairs of a user and an item that the user took, each once: users, and rows of `items` items."""
        pairs = np.unique(self.event_users * np.int64(items) + self.items)
        users, rows = np.divmod(pairs, max(items, 1))
        return users, rows

    def latest(self, users: Array, length: int) -> Array:
        """The latest items of some users.

        Args:
            users: which.
            length: at most so many each.

        Returns:
            users × length: rows of items, the newest first, padded with -1.
        """
        positions = self.starts[users + 1][:, None] - 1 - np.arange(length)
        there = positions >= self.starts[users][:, None]
        latest: Array = self._padded_items[np.where(there, positions, -1)]
        return latest


@dataclass(frozen=True)
class Queries(ByUser):
    """What users searched for lately: the queries of user u are `rows[starts[u]:starts[u + 1]]`, the newest first."""

    texts: list[str]
    """Distinct and normalised, sorted."""
    rows: Array
    """int32, rows of the texts."""
    times: Array
    """int64, microseconds since 1970."""

    @classmethod
    def none(cls, users: int) -> "Queries":
        """Of users who searched for nothing."""
        return cls(np.zeros(users + 1, np.int64), [], np.empty(0, np.int32), np.empty(0, np.int64))

    @cached_property
    def _padded_rows(self) -> Array:
        return np.append(self.rows, np.int32(-1))

    def of(self, user: int) -> list[str]:
        """The texts of one user, the newest first."""
        return [self.texts[row] for row in self.rows[self.starts[user] : self.starts[user + 1]]]

    def latest(self, users: Array, length: int) -> Array:
        """The latest queries of some users.

        Args:
            users: which.
            length: at most so many each.

        Returns:
            users × length: rows of texts, the newest first, padded with -1.
        """
        positions = self.starts[users][:, None] + np.arange(length)
        there = positions < self.starts[users + 1][:, None]
        latest: Array = self._padded_rows[np.where(there, positions, -1)]
        return latest


class Snapshot:
    """The files of an extraction."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def facts(self) -> SnapshotFacts:
        """The types of ids, the files of days."""
        values = json.loads((self.folder / SNAPSHOT).read_text(encoding="utf-8"))
        return SnapshotFacts(**{**values, "buckets": tuple(values["buckets"])})

    @cached_property
    def taken_at(self) -> int:
        """When it was taken, in microseconds since 1970; 0 for a split of files, which knows no time."""
        file = self.folder / TAKEN_AT
        return int(file.read_text(encoding="utf-8")) if file.exists() else 0

    @cached_property
    def users(self) -> pl.DataFrame:
        """user_id and attributes; the row number is the user's index everywhere else."""
        return pl.read_parquet(self.folder / USERS)

    @cached_property
    def items(self) -> pl.DataFrame:
        """item_id, title, groups, available and texts; the row number is the item's index everywhere else."""
        return pl.read_parquet(self.folder / ITEMS)

    @cached_property
    def item_count(self) -> int:
        """How many items there are."""
        return int(parquet.ParquetFile(self.folder / ITEMS).metadata.num_rows)

    def item_blocks(self, rows: int) -> Iterator[pl.DataFrame]:
        """Of `items` so many rows at a time, for catalogues that memory does not hold."""
        with parquet.ParquetFile(self.folder / ITEMS) as file:
            for batch in file.iter_batches(rows):
                yield pl.DataFrame(pl.from_arrow(batch))

    @cached_property
    def histories(self) -> Histories:
        """All events by user."""
        events = pl.read_parquet(self.folder / INTERACTIONS, columns=["user", "item", "weight", "occurred_at"])
        return Histories(
            starts_of(events["user"].to_numpy(), self.users.height),
            events["item"].to_numpy(),
            events["weight"].to_numpy(),
            events["occurred_at"].to_numpy(),
        )

    @property
    def newest(self) -> int:
        """When the newest event or search was, microseconds since 1970: a snapshot is as late as that."""
        return max(int(each.times.max(initial=0)) for each in (self.histories, self.queries))

    @cached_property
    def queries(self) -> Queries:
        """The latest queries by user; none if the customer maps none."""
        file = self.folder / QUERIES
        if not file.exists():
            return Queries.none(self.users.height)
        queries = pl.read_parquet(file)
        texts = queries["query"].unique().sort()
        numbers = pl.DataFrame({"query": texts, "row": pl.arange(len(texts), dtype=pl.Int32, eager=True)})
        rows = queries.join(numbers, on="query", how="left", maintain_order="left")["row"]
        return Queries(
            starts_of(queries["user"].to_numpy(), self.users.height),
            texts.to_list(),
            rows.to_numpy(),
            queries["occurred_at"].to_numpy(),
        )

    @cached_property
    def available(self) -> Array:
        """Rows of the items that may be recommended."""
        return np.flatnonzero(self.items["available"].to_numpy()).astype(np.int32)

    def quarantined(self) -> pl.DataFrame:
        """relation, reason and row_data of the rows that broke the contract."""
        return pl.read_parquet(self.folder / QUARANTINE)
