"""What users took and searched for, one user after the other."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.data.arrays import Array


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
class Interactions(ByUser):
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

    def only(self, kept: Array) -> "Interactions":
        """The same users with some of their events.

        Args:
            kept: bool for each event.
        """
        starts = starts_of(self.event_users[kept], self.users)
        return Interactions(starts, self.items[kept], self.weights[kept], self.times[kept])

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
