"""New items: those that arrived lately and have no interactions yet. All others without interactions are dead stock."""

from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import BoolArray, IntArray
from chatrec.data.interactions import DAY, Interactions

FROM_THE_START = np.iinfo(np.int64).min
"""Arrival of an item that was there from the first run."""


@dataclass(frozen=True)
class Arrivals:
    """When the items of a catalogue arrived, and how long they stay new."""

    arrived_at: IntArray
    """Arrival of each item, microseconds since 1970, or FROM_THE_START."""
    days: float

    def new(self, histories: Interactions) -> BoolArray:
        """Return the new items at the newest event of some histories."""
        return new_items(self.arrived_at, histories, newest_event(histories), self.days)

    def arrived(self, histories: Interactions) -> BoolArray:
        """Return the items that had arrived at the newest event of some histories."""
        arrived: BoolArray = self.arrived_at <= newest_event(histories)
        return arrived


def newest_event(histories: Interactions) -> int:
    """Return the time of the newest event, microseconds since 1970; 0 without events."""
    return int(histories.times.max(initial=0))


def new_items(arrived_at: IntArray, histories: Interactions, newest: int, days: float) -> BoolArray:
    """Return the items that have no events and arrived after `days` before the newest event.

    Args:
        arrived_at: Arrival of each item, microseconds since 1970, or FROM_THE_START.
        histories: Interactions of all users.
        newest: Time of the newest event, microseconds since 1970.
        days: Number of days for which an item stays new.
    """
    new: BoolArray = arrived_at >= newest - int(days * DAY)
    new[histories.items] = False
    return new
