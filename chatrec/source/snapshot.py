"""Reading a snapshot: ids, texts and the histories of users, as the steps after extraction need them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from pyarrow import parquet

from chatrec.source.extract import SnapshotFacts
from chatrec.source.tables import INTERACTIONS, ITEMS, QUARANTINE, SNAPSHOT, USERS

Array = np.ndarray


@dataclass(frozen=True)
class Histories:
    """What users took, in order: the events of user u are `items[starts[u]:starts[u + 1]]`, the oldest first."""

    starts: Array
    """int64, users + 1."""
    items: Array
    """int32, rows of the items."""
    weights: Array
    """float32, how much each event counts."""
    times: Array
    """int64, microseconds since 1970."""

    @property
    def users(self) -> int:
        """How many users there are, those without a history included."""
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> Array:
        """Events of each user."""
        return np.diff(self.starts)

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
        lengths = np.bincount(self.event_users[kept], minlength=self.users)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
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


class Snapshot:
    """The files of an extraction."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def facts(self) -> SnapshotFacts:
        """When it was taken, the types of ids, the files of days."""
        values = json.loads((self.folder / SNAPSHOT).read_text(encoding="utf-8"))
        return SnapshotFacts(**{**values, "buckets": tuple(values["buckets"])})

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
        lengths = np.bincount(events["user"].to_numpy(), minlength=self.users.height)
        return Histories(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            events["item"].to_numpy(),
            events["weight"].to_numpy(),
            events["occurred_at"].to_numpy(),
        )

    @cached_property
    def available(self) -> Array:
        """Rows of the items that may be recommended."""
        return np.flatnonzero(self.items["available"].to_numpy()).astype(np.int32)

    def quarantined(self) -> pl.DataFrame:
        """relation, reason and row_data of the rows that broke the contract."""
        return pl.read_parquet(self.folder / QUARANTINE)
