"""Contents of a snapshot beyond its numbers of rows, with which later runs compare theirs."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Contents:
    """Contents of a snapshot."""

    users_active: int
    """Users who get lists."""
    users_with_history: int
    """Users with an event."""
    items_available: int
    filled: Mapping[str, int]
    """Rows with a value, by column, such as "items.description"."""
    newest_event_age: float | None = None
    """Age of the newest event at the time of the snapshot, in days; None without times."""
    longest_pause: int | None = None
    """Most days between two days with events, in the year before the newest one; None without times."""
