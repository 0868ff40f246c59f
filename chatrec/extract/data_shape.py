"""The shape of the data: its size, what can be learned from it, and what stands in the way, in plain sentences."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from chatrec.data.interactions import DAY
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.results import ExtractResult

ENOUGH_HELD_OUT = 200
"""Users to hold out from which models can be told apart."""
MANY_REPEATS = 0.15
"""Share of repeats from which lists without repeats leave much out."""
MOSTLY = 0.9
"""Share of users with one order from which nothing shows what follows an order."""


@dataclass(frozen=True, kw_only=True)
class DataShape:
    """Counts of valid rows, and invalid rows by reason."""

    users: int
    items: int
    interactions: int
    days: int
    """Days with events; 0 if events have no times."""
    users_with_events: int
    users_with_one_event: int
    users_with_one_order: int
    """Users whose events all have the same time; 0 if events have no times."""
    repeats: int
    """Events that repeat an earlier pair of user and item."""
    quarantine: Mapping[str, int]
    """Invalid rows by relation and reason."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> "DataShape":
        """Count the rows of a snapshot."""
        histories, reasons = snapshot.histories, snapshot.quarantined()
        some = histories.lengths > 0
        timed = bool(histories.times.any())
        first, last = histories.times[histories.starts[:-1][some]], histories.times[histories.starts[1:][some] - 1]
        counts = (
            reasons.group_by(pl.concat_str("relation", pl.lit(": "), "reason").alias("reason")).len().sort("reason")
        )
        return cls(
            users=histories.users,
            items=snapshot.item_count,
            interactions=len(histories.items),
            days=len(np.unique(histories.times // DAY)) if timed else 0,
            users_with_events=int(some.sum()),
            users_with_one_event=int((histories.lengths == 1).sum()),
            users_with_one_order=int((first == last).sum()) if timed else 0,
            repeats=len(histories.items) - len(histories.distinct(snapshot.item_count)[0]),
            quarantine=dict(counts.iter_rows()),
        )

    @property
    def repeat_share(self) -> float:
        """Share of the events that repeat an earlier pair of user and item."""
        return self.repeats / max(self.interactions, 1)

    @property
    def holdable_users(self) -> int:
        """Users with two or more events: one can be held out, and another one is left."""
        return self.users_with_events - self.users_with_one_event

    @property
    def returned_users(self) -> int:
        """Users with events at two or more times; all users with events if these have no times."""
        return self.users_with_events - self.users_with_one_order


def counts(shape: DataShape) -> str:
    """Say how much data there is."""
    days = f" on {_number(shape.days, 'day')}" if shape.days else " without times"
    return (
        f"{_number(shape.users, 'user')}, {_number(shape.items, 'item')}, "
        f"{_number(shape.interactions, 'interaction')}{days}: "
        f"{shape.interactions / max(shape.users_with_events, 1):.1f} for each of "
        f"{_number(shape.users_with_events, 'user')} with any, {shape.users_with_one_event:,} with a single one, "
        f"{shape.repeat_share:.0%} repeats."
    )


def invalid_rows(shape: DataShape | ExtractResult, relation: str = "") -> str:
    """List the invalid rows of a relation, or of all: "3 rows of items (duplicate id)". Empty without any."""
    named = [(*key.partition(": ")[::2], rows) for key, rows in sorted(shape.quarantine.items())]
    return ", ".join(
        f"{_number(rows, 'row')} of {name} ({reason})" for name, reason, rows in named if relation in ("", name)
    )


def certainty(shape: DataShape) -> str:
    """Say how many users can be held out, how many came back, and whether they suffice to compare models."""
    back = f" ({shape.returned_users:,} came back at another time)" if shape.days else ""
    few = f": too few to tell models apart, which takes {ENOUGH_HELD_OUT}" if _few(shape) else ""
    return f"{_number(shape.holdable_users, 'user')} with two or more interactions can be held out{back}{few}."


def advice(shape: DataShape, exclude_seen: bool) -> Iterator[str]:
    """Say which settings fit the data, and which lists it allows.

    Args:
        shape: Shape of the data.
        exclude_seen: The setting `ranking.exclude_seen`.
    """
    if exclude_seen and shape.repeat_share > MANY_REPEATS:
        yield (
            f"{shape.repeat_share:.0%} of the interactions repeat an item of their user, which lists leave out: "
            "ranking.exclude_seen = false lists it again."
        )
    if shape.interactions and not shape.days:
        yield (
            "Without times no item is trending, rules.repeat.after_days cannot be counted, and ranking.target must be "
            "random."
        )
    elif shape.interactions and shape.users_with_one_order >= MOSTLY * shape.users_with_events:
        yield (
            f"{shape.users_with_one_order:,} of {_number(shape.users_with_events, 'user')} with interactions have one "
            "order each, which shows nothing of what follows an order: lists are made of what is bought together and "
            "of what is popular in the group."
        )


def _few(shape: DataShape) -> bool:
    return shape.holdable_users < ENOUGH_HELD_OUT


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
