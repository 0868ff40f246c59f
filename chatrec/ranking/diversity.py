"""Lists that are varied: each place goes to the candidate that adds most, given what stands above it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

USERS_AT_ONCE = 256
OWN_SHARE = 0.01
"""Of what the user takes in what the list shows, so that a group that is not shown has a finite price (Steck 2018)."""


class Diversifier(Protocol):
    """A way to fill places."""

    def scores(self, users: Array, items: Array, scores: Array, n: int) -> Array:
        """Scores in whose order the first n places are filled.

        Args:
            users: of one block.
            items: users × candidates, padded with -1.
            scores: the same, log P; -inf for padding.
            n: places of a list.
        """


@dataclass(frozen=True)
class Relevance:
    """Maximal marginal relevance: log P(i) - strength · max over the items above of cos(i, j).

    Carbonell and Goldstein 1998 (The use of MMR, diversity-based reranking for reordering documents).
    """

    vectors: Array
    """items × dimensions, of unit length."""
    strength: float

    def scores(self, users: Array, items: Array, scores: Array, n: int) -> Array:
        """See Diversifier."""
        return _in_parts(lambda part: self._of(items[part], scores[part], n), items, scores)

    def _of(self, items: Array, scores: Array, n: int) -> Array:
        vectors, rows = self.vectors[items], np.arange(len(items))
        nearest = np.zeros(items.shape, np.float32)

        def choose(place: int, left: Array) -> Array:
            return np.asarray((left - self.strength * nearest).argmax(1))

        def take(place: int, chosen: Array) -> None:
            near = np.einsum("ucd,ud->uc", vectors, vectors[rows, chosen])
            np.maximum(nearest, near, out=nearest)

        return _greedy(scores, n, choose, take)


@dataclass(frozen=True)
class Calibration:
    """Calibrated lists: Σ log P(i) - strength · KL(p | q), p a user's shares of groups in the history, q in the list.

    Steck 2018 (Calibrated recommendations); q has OWN_SHARE of p mixed in.
    """

    groups: Array
    """(items + 1) × most groups of an item, padded with -1; the last row is nobody's."""
    histories: Interactions
    strength: float

    @cached_property
    def _number(self) -> int:
        return int(self.groups.max(initial=-1)) + 1

    @cached_property
    def _weights(self) -> Array:
        """What an item gives to each of its groups: together 1."""
        there = self.groups >= 0
        weights: Array = there / np.maximum(there.sum(1, keepdims=True), 1)
        return weights

    def scores(self, users: Array, items: Array, scores: Array, n: int) -> Array:
        """See Diversifier."""
        return _in_parts(lambda part: self._of(users[part], items[part], scores[part], n), items, scores)

    def taken(self, users: Array) -> Array:
        """p: users × groups; zero for somebody without events in any group."""
        rows, events = self.histories.positions(users)
        items = self.histories.items[events]
        found = np.zeros((len(users), self._number + 1))
        np.add.at(found, (rows[:, None], self.groups[items]), self._weights[items])
        found = found[:, :-1]  # what -1 pointed at
        shares: Array = found / np.maximum(found.sum(1, keepdims=True), 1e-9)
        return shares

    def _of(self, users: Array, items: Array, scores: Array, n: int) -> Array:
        wanted, rows = self.taken(users), np.arange(len(users))
        padded = np.hstack([wanted, np.zeros((len(users), 1))])
        shown = np.zeros_like(padded)
        groups, weights = self.groups[items], self._weights[items]
        share = padded[rows[:, None, None], groups]

        def part(sums: Array, place: int) -> Array:
            """p log q of each group, q from what the groups of the list sum to."""
            said: Array = share * np.log(np.maximum((1 - OWN_SHARE) * sums / (place + 1) + OWN_SHARE * share, 1e-12))
            return said

        def choose(place: int, left: Array) -> Array:
            before = shown[rows[:, None, None], groups]
            gain = (part(before + weights, place) - part(before, place)).sum(2)
            return np.asarray((left + self.strength * gain).argmax(1))

        def take(place: int, chosen: Array) -> None:
            np.add.at(shown, (rows[:, None], groups[rows, chosen]), weights[rows, chosen])

        return _greedy(scores, n, choose, take)


@dataclass(frozen=True)
class Reserved:
    """Last places that are kept for certain items."""

    inner: Diversifier | None
    """Fills the other places; None fills them by score."""
    users: Array
    """Ascending; a user is here once for each place."""
    items: Array
    """What stands in it."""

    def scores(self, users: Array, items: Array, scores: Array, n: int) -> Array:
        """See Diversifier."""
        wanted = self.inner.scores(users, items, scores, n) if self.inner else scores.copy()
        low, high = np.searchsorted(self.users, users), np.searchsorted(self.users, users, side="right")
        for row in np.flatnonzero(high > low):
            columns = np.flatnonzero(np.isin(items[row], self.items[low[row] : high[row]]))
            others = np.delete(wanted[row], columns)
            places = n - len(columns)
            if places < len(others):
                lowest = np.partition(others, len(others) - places - 1)[len(others) - places - 1]
                wanted[row, columns] = np.nextafter(np.maximum(wanted[row, columns], lowest), np.float32(np.inf))
        return wanted


def _greedy(scores: Array, n: int, choose: Callable[[int, Array], Array], take: Callable[[int, Array], None]) -> Array:
    """Scores with what was chosen before all others, in the order of the choice."""
    rows, left, ordered = np.arange(len(scores)), scores.copy(), scores.copy()
    top = np.where(np.isfinite(scores), scores, 0).max(1, initial=0)
    for place in range(min(n, scores.shape[1])):
        chosen = choose(place, left)
        there = np.isfinite(left[rows, chosen])
        ordered[rows[there], chosen[there]] = top[there] + n - place
        left[rows, chosen] = -np.inf
        take(place, chosen)
    return ordered


def _in_parts(rescore: Callable[[slice], Array], items: Array, scores: Array) -> Array:
    """A few users at a time: vectors of all their candidates fit into memory."""
    parts = [rescore(slice(start, start + USERS_AT_ONCE)) for start in range(0, len(items), USERS_AT_ONCE)]
    return np.concatenate(parts) if parts else scores
