"""Training pairs: items that one user interacted with in close succession."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

NEAR = 5
"""Maximum distance, in events, between the two items of a pair."""


@dataclass(frozen=True)
class Batch:
    """Pairs, one per row."""

    users: Array
    left: Array
    """Rows of items."""
    right: Array


@dataclass(frozen=True)
class Pairs:
    """Pairs sampled from histories: first a user, then an event, then a nearby event."""

    histories: Interactions
    items: int

    @cached_property
    def users(self) -> Array:
        """Rows of users with at least two distinct items."""
        owners, _ = self.histories.distinct(self.items)
        return np.flatnonzero(np.bincount(owners, minlength=self.histories.users) >= 2)

    @cached_property
    def log_chances(self) -> Array:
        """Logarithm of the probability that a sampled event is of each item; float32."""
        shares = np.zeros(self.histories.users)
        shares[self.users] = 1 / (len(self.users) * self.histories.lengths[self.users])
        chances = np.bincount(self.histories.items, shares[self.histories.event_users], minlength=self.items)
        logarithms: Array = np.log(np.maximum(chances, np.finfo(np.float32).tiny)).astype(np.float32)
        return logarithms

    def draw(self, count: int, random: np.random.Generator) -> Batch:
        """Sample at least one and at most `count` pairs; pairs of an item with itself are dropped."""
        while True:
            users = random.choice(self.users, count)
            offsets = (random.random(count) * self.histories.lengths[users]).astype(np.int64)
            if len((batch := self.beside(self.histories.starts[users] + offsets, random)).users):
                return batch

    def beside(self, events: Array, random: np.random.Generator) -> Batch:
        """Pair each event with a nearby one; pairs of an item with itself are dropped.

        Args:
            events: Positions in the histories, of users with at least two events.
            random: Generator that chooses the nearby event.
        """
        histories = self.histories
        users = histories.event_users[events]
        low = np.maximum(events - NEAR, histories.starts[users])
        high = np.minimum(events + NEAR, histories.starts[users + 1] - 1)
        others = low + (random.random(len(events)) * (high - low)).astype(np.int64)
        others += others >= events
        left, right = histories.items[others], histories.items[events]
        return Batch(users[left != right], left[left != right], right[left != right])
