"""Interactions and search queries, grouped by user."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from chatrec.data.arrays import BoolArray, FloatArray, IntArray

SECOND = 1_000_000
"""Times are microseconds since 1970."""
DAY = 86_400 * SECOND


def starts_of(owners: IntArray, users: int) -> IntArray:
    """Start of each user's rows, for rows sorted by user: int64, users + 1."""
    return np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=users))]).astype(np.int64)


def tie_order(users: IntArray, items: IntArray) -> IntArray:
    """Keys by which events of one user at one time are ordered: a hash of both rows (SplitMix64), uint64.

    An order of the items that all users share would be learned as if it were behaviour.
    """
    keys = (users.astype(np.uint64) << np.uint64(32)) + items.astype(np.uint64)
    keys += np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


@dataclass(frozen=True)
class ByUser:
    """Rows grouped by user: user u has the rows `starts[u]` to `starts[u + 1]`."""

    starts: IntArray
    """int64, users + 1."""

    @property
    def users(self) -> int:
        """Number of users, including those without rows."""
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> IntArray:
        """Number of rows of each user."""
        return np.diff(self.starts)

    def positions(self, users: IntArray) -> tuple[IntArray, IntArray]:
        """Positions of all rows of some users, user by user.

        Args:
            users: Rows of the users.

        Returns:
            For each row, the index into `users` of its owner, and its position.
        """
        lengths = self.lengths[users]
        owners = np.repeat(np.arange(len(users)), lengths)
        ahead = np.cumsum(lengths) - lengths
        return owners, np.arange(len(owners)) + (self.starts[users] - ahead)[owners]


@dataclass(frozen=True)
class Interactions(ByUser):
    """Interactions of users: the events of user u are `items[starts[u]:starts[u + 1]]`, the oldest first.

    Events of one user at one time are a **basket**, which has no order; see `tie_order`.
    """

    items: IntArray
    """int32, row of the item of each event."""
    weights: FloatArray
    """float32, weight of each event."""
    times: IntArray
    """int64, microseconds since 1970."""

    @cached_property
    def event_users(self) -> IntArray:
        """User of each event."""
        return np.repeat(np.arange(self.users), self.lengths)

    @cached_property
    def baskets(self) -> IntArray:
        """Basket of each event. Baskets are numbered across users, the oldest of a user first."""
        first = np.ones(len(self.items), bool)
        first[1:] = np.diff(self.times) != 0
        first[self.starts[:-1][self.lengths > 0]] = True
        return np.cumsum(first) - 1

    @cached_property
    def ages(self) -> IntArray:
        """Number of newer events of the user of each event; those of its own basket are not newer."""
        ends: IntArray = np.cumsum(np.bincount(self.baskets))
        return self.starts[1:][self.event_users] - ends[self.baskets]

    @cached_property
    def superseded(self) -> BoolArray:
        """Whether the user of each event has a newer event with its item."""
        order = np.lexsort((self.items, self.event_users))
        items, users = self.items[order], self.event_users[order]
        superseded = np.zeros(len(order), bool)
        superseded[order[:-1]] = (items[:-1] == items[1:]) & (users[:-1] == users[1:])
        return superseded

    @property
    def has_ties(self) -> bool:
        """Whether a basket has several events."""
        return bool(len(self.baskets)) and int(self.baskets[-1]) + 1 < len(self.baskets)

    def shuffled(self, random: np.random.Generator) -> "Interactions":
        """Orders the events of each basket at random."""
        if not self.has_ties:
            return self
        order = np.lexsort((random.random(len(self.items)), self.baskets))
        return replace(self, items=self.items[order], weights=self.weights[order])

    @cached_property
    def _padded_items(self) -> IntArray:
        return np.append(self.items, np.int32(-1))

    @cached_property
    def _padded_ages(self) -> IntArray:
        return np.append(self.ages, 0)

    def of(self, user: int) -> IntArray:
        """Items of a user, the oldest event first."""
        return self.items[self.starts[user] : self.starts[user + 1]]

    def only(self, kept: BoolArray) -> "Interactions":
        """Select events; the users stay the same.

        Args:
            kept: bool for each event.
        """
        starts = starts_of(self.event_users[kept], self.users)
        return Interactions(starts, self.items[kept], self.weights[kept], self.times[kept])

    def distinct(self, items: int) -> tuple[IntArray, IntArray]:
        """Distinct pairs of user and item, as two arrays; `items` is the number of items."""
        pairs = np.unique(self.event_users * np.int64(items) + self.items)
        users, rows = np.divmod(pairs, max(items, 1))
        return users, rows

    def users_per_item(self, items: int) -> IntArray:
        """Number of distinct users of each item; `items` is the number of items."""
        return np.bincount(self.distinct(items)[1], minlength=items)

    def latest(self, users: IntArray, length: int) -> IntArray:
        """Latest items of some users.

        Args:
            users: Rows of the users.
            length: Maximum number per user.

        Returns:
            users × length, rows of items, the newest first, padded with -1.
        """
        latest: IntArray = self._padded_items[self._latest(users, length)]
        return latest

    def latest_ages(self, users: IntArray, length: int) -> IntArray:
        """Ages of the events of `latest`, padded with 0."""
        ages: IntArray = self._padded_ages[self._latest(users, length)]
        return ages

    def _latest(self, users: IntArray, length: int) -> IntArray:
        """Positions of the latest events, padded with -1."""
        positions = self.starts[users + 1][:, None] - 1 - np.arange(length)
        return np.where(positions >= self.starts[users][:, None], positions, -1)


@dataclass(frozen=True)
class Queries(ByUser):
    """Recent search queries: the queries of user u are `rows[starts[u]:starts[u + 1]]`, the newest first."""

    texts: list[str]
    """Distinct normalised texts, sorted."""
    rows: IntArray
    """int32, index into `texts` of each query."""
    times: IntArray
    """int64, microseconds since 1970."""

    @classmethod
    def none(cls, users: int) -> "Queries":
        """Create queries for users who searched for nothing."""
        return cls(np.zeros(users + 1, np.int64), [], np.empty(0, np.int32), np.empty(0, np.int64))

    @cached_property
    def _padded_rows(self) -> IntArray:
        return np.append(self.rows, np.int32(-1))

    def of(self, user: int) -> list[str]:
        """Texts of a user's queries, the newest first."""
        return [self.texts[row] for row in self.rows[self.starts[user] : self.starts[user + 1]]]

    def latest(self, users: IntArray, length: int) -> IntArray:
        """Latest queries of some users.

        Args:
            users: Rows of the users.
            length: Maximum number per user.

        Returns:
            users × length, indices into `texts`, the newest first, padded with -1.
        """
        positions = self.starts[users][:, None] + np.arange(length)
        is_query = positions < self.starts[users + 1][:, None]
        latest: IntArray = self._padded_rows[np.where(is_query, positions, -1)]
        return latest
