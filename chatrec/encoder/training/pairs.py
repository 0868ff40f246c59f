"""Pairs of items that one person took one soon after the other: what a text encoder can learn from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

NEAR = 5
"""Events that are at most so many places apart make a pair."""


@dataclass(frozen=True)
class Batch:
    """Pairs, one a row."""

    users: Array
    left: Array
    """Rows of items."""
    right: Array


@dataclass(frozen=True)
class Pairs:
    """The pairs of some histories, drawn at random: first a user, then an event, then one near it."""

    histories: Interactions
    items: int

    @cached_property
    def users(self) -> Array:
        """Those who took two items."""
        owners, _ = self.histories.distinct(self.items)
        return np.flatnonzero(np.bincount(owners, minlength=self.histories.users) >= 2)

    @cached_property
    def log_chances(self) -> Array:
        """For each item the logarithm of the chance that an event that is drawn is one of it; float32."""
        shares = np.zeros(self.histories.users)
        shares[self.users] = 1 / (len(self.users) * self.histories.lengths[self.users])
        chances = np.bincount(self.histories.items, shares[self.histories.event_users], minlength=self.items)
        logarithms: Array = np.log(np.maximum(chances, np.finfo(np.float32).tiny)).astype(np.float32)
        return logarithms

    def draw(self, count: int, random: np.random.Generator) -> Batch:
        """Some pairs, at least one and at most `count`: those of an item with itself are left out."""
        while True:
            users = random.choice(self.users, count)
            places = (random.random(count) * self.histories.lengths[users]).astype(np.int64)
            if len((batch := self.beside(self.histories.starts[users] + places, random)).users):
                return batch

    def beside(self, events: Array, random: np.random.Generator) -> Batch:
        """Each event with one near it, where that is of another item.

        Args:
            events: places in the histories, of users with two events or more.
            random: chooses among those near it.
        """
        histories = self.histories
        users = histories.event_users[events]
        low = np.maximum(events - NEAR, histories.starts[users])
        high = np.minimum(events + NEAR, histories.starts[users + 1] - 1)
        others = low + (random.random(len(events)) * (high - low)).astype(np.int64)
        others += others >= events
        left, right = histories.items[others], histories.items[events]
        return Batch(users[left != right], left[left != right], right[left != right])
