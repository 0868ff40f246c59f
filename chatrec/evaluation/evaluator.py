"""Evaluation of lists against a holdout: all metrics of `evaluation.metrics`, overall and by slices of the targets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from chatrec.data.arrays import BoolArray, FloatArray, IntArray
from chatrec.evaluation import metrics
from chatrec.evaluation.holdout import Holdout

SHORT = 10
"""Maximum number of events in a short history."""
HEAD = 0.8
"""Share of all events that defines the head of the catalogue."""
PROPENSITY = 0.5
"""Exponent of the propensity: the probability of observing an item grows with the square root of its number of users
(Saito et al. 2020, Unbiased recommender learning from missing-not-at-random implicit feedback)."""


@dataclass(frozen=True)
class Slice:
    """A subset of the targets, and the users who have any of them."""

    rows: IntArray
    """Rows of the users in the full holdout."""
    holdout: Holdout


@dataclass(frozen=True)
class Evaluator:
    """Evaluates lists against a holdout."""

    holdout: Holdout
    vectors: FloatArray
    """Text vectors, items × dimensions, of unit length, for diversity. If all are equal, diversity is omitted."""

    def ndcg(self, lists: IntArray) -> metrics.Floats:
        """Returns NDCG@10 of each user."""
        return metrics.ndcg(self.holdout.hits(lists), self.holdout.relevant)

    def summary(self, lists: IntArray) -> dict[str, float]:
        """Returns all metrics by name.

        Args:
            lists: Lists of the held-out users, users × K, rows of items, padded with -1.
        """
        held = self.holdout
        hits = held.hits(lists)
        values = metrics.summary(hits, held.relevant, lists, held.recommendable)
        gains = np.power(self._users_per_item + 1.0, -PROPENSITY, dtype=np.float64)
        values["debiased ndcg@10"] = metrics.debiased_ndcg(lists, hits, held.targets, held.starts, gains)
        values["novelty@10"] = metrics.novelty(lists, self._users_per_item, int((held.histories.lengths > 0).sum()))
        values["gini@10"] = metrics.gini(self.exposure(lists))
        if self._vectors_differ:
            values["diversity@10"] = metrics.diversity(lists, self.vectors)
        values |= dict(self._of_slices(lists))
        return {name: round(value, 6) for name, value in values.items()}

    def exposure(self, lists: IntArray) -> metrics.Counts:
        """Returns the number of lists that contain each recommendable item."""
        return metrics.exposure(lists, self.holdout.recommendable)

    @cached_property
    def slices(self) -> dict[str, Slice]:
        """Slices by user (short or long history) and by item (head, tail, cold)."""
        held, events = self.holdout, self._events
        long = np.repeat(held.histories.lengths[held.users] > SHORT, held.relevant)
        tail = events[held.targets] < self._min_events_of_head
        cold = events[held.targets] == 0
        kinds = {
            "short histories": ~long,
            "long histories": long,
            "head items": ~tail,
            "tail items": tail,
            "cold items": cold,
        }
        return {name: self._slice(kept) for name, kept in kinds.items()}

    def _of_slices(self, lists: IntArray) -> Iterator[tuple[str, float]]:
        """Yields NDCG and recall on the targets of each slice, and its number of users."""
        for name, part in self.slices.items():
            yield f"users {name}", len(part.rows)
            if len(part.rows):
                hits = part.holdout.hits(lists[part.rows])
                yield f"ndcg@10 {name}", float(metrics.ndcg(hits, part.holdout.relevant).mean())
                yield f"recall@10 {name}", float(metrics.recall(hits, part.holdout.relevant).mean())

    def _slice(self, kept: BoolArray) -> Slice:
        held = self.holdout
        owners = np.repeat(np.arange(len(held)), held.relevant)[kept]
        rows, starts = np.unique(owners, return_index=True)
        users, starts = held.users[rows], np.append(starts, len(owners))
        return Slice(rows, replace(held, users=users, starts=starts, targets=held.targets[kept]))

    @cached_property
    def _vectors_differ(self) -> bool:
        """Whether at least two vectors differ."""
        return bool(np.ptp(self.vectors, axis=0).any())

    @cached_property
    def _events(self) -> metrics.Counts:
        return np.bincount(self.holdout.histories.items, minlength=len(self.holdout.recommendable))

    @cached_property
    def _users_per_item(self) -> metrics.Counts:
        """Number of users per item."""
        items = len(self.holdout.recommendable)
        return self.holdout.histories.users_per_item(items)

    @cached_property
    def _min_events_of_head(self) -> int:
        """Minimum number of events of an item of the head. Items with equal numbers are on the same side."""
        descending = np.sort(self._events)[::-1]
        position = np.searchsorted(np.cumsum(descending), HEAD * descending.sum())
        return int(max(descending[min(position, len(descending) - 1)], 1))
