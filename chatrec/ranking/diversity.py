"""Diverse lists: each slot goes to the candidate with the largest gain, given the items above it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.data.interactions import Interactions

USERS_AT_ONCE = 256
OWN_SHARE = 0.01
"""Share of the user's distribution mixed into that of the list, which keeps the divergence finite (Steck 2018)."""


class Diversifier(Protocol):
    """A strategy that orders candidates."""

    def scores(self, users: IntArray, items: IntArray, scores: FloatArray, n: int) -> FloatArray:
        """Rescores candidates; lists are ordered by the result.

        Args:
            users: Users of one batch.
            items: Items, users × candidates, padded with -1.
            scores: log P, of the same shape; -inf for padding.
            n: Length of a list.
        """


@dataclass(frozen=True)
class Relevance:
    """Maximal marginal relevance: log P(i) - strength · max over the items j above of cos(i, j).

    Carbonell and Goldstein 1998 (The use of MMR, diversity-based reranking for reordering documents).
    """

    vectors: FloatArray
    """Item vectors, items × dimensions, of unit length."""
    strength: float

    def scores(self, users: IntArray, items: IntArray, scores: FloatArray, n: int) -> FloatArray:
        """Implements `Diversifier.scores`."""
        return _in_parts(lambda part: self._of(items[part], scores[part], n), items, scores)

    def _of(self, items: IntArray, scores: FloatArray, n: int) -> Array:
        vectors, rows = self.vectors[items], np.arange(len(items))
        nearest = np.zeros(items.shape, np.float32)

        def choose(slot: int, left: FloatArray) -> Array:
            return np.asarray((left - self.strength * nearest).argmax(1))

        def take(slot: int, chosen: IntArray) -> None:
            near = np.einsum("ucd,ud->uc", vectors, vectors[rows, chosen])
            np.maximum(nearest, near, out=nearest)

        return _greedy(scores, n, choose, take)


@dataclass(frozen=True)
class Calibration:
    """Calibrated lists: Σ log P(i) - strength · KL(p | q), with the group shares p of the history and q of the list.

    Steck 2018 (Calibrated recommendations). q is mixed with OWN_SHARE of p.
    """

    groups: IntArray
    """Groups of items, (items + 1) × largest number of groups, padded with -1; the last row is all padding."""
    histories: Interactions
    strength: float

    @cached_property
    def _number(self) -> int:
        return int(self.groups.max(initial=-1)) + 1

    @cached_property
    def _weights(self) -> Array:
        """Weight of an item in each of its groups; they sum to 1."""
        present = self.groups >= 0
        weights: FloatArray = present / np.maximum(present.sum(1, keepdims=True), 1)
        return weights

    def scores(self, users: IntArray, items: IntArray, scores: FloatArray, n: int) -> FloatArray:
        """Implements `Diversifier.scores`."""
        return _in_parts(lambda part: self._of(users[part], items[part], scores[part], n), items, scores)

    def taken(self, users: IntArray) -> Array:
        """Returns p, users × groups; zero for users without events in any group."""
        rows, events = self.histories.positions(users)
        items = self.histories.items[events]
        sums = np.zeros((len(users), self._number + 1))
        np.add.at(sums, (rows[:, None], self.groups[items]), self._weights[items])
        sums = sums[:, :-1]  # the column of the padding value -1
        shares: FloatArray = sums / np.maximum(sums.sum(1, keepdims=True), 1e-9)
        return shares

    def _of(self, users: IntArray, items: IntArray, scores: FloatArray, n: int) -> Array:
        wanted, rows = self.taken(users), np.arange(len(users))
        padded = np.hstack([wanted, np.zeros((len(users), 1))])
        shown = np.zeros_like(padded)
        groups, weights = self.groups[items], self._weights[items]
        share = padded[rows[:, None, None], groups]

        def part(sums: FloatArray, slot: int) -> Array:
            """Returns p log q of each group, with q from the sums over the list."""
            products: FloatArray = share * np.log(
                np.maximum((1 - OWN_SHARE) * sums / (slot + 1) + OWN_SHARE * share, 1e-12)
            )
            return products

        def choose(slot: int, left: FloatArray) -> Array:
            before = shown[rows[:, None, None], groups]
            gain = (part(before + weights, slot) - part(before, slot)).sum(2)
            return np.asarray((left + self.strength * gain).argmax(1))

        def take(slot: int, chosen: IntArray) -> None:
            np.add.at(shown, (rows[:, None], groups[rows, chosen]), weights[rows, chosen])

        return _greedy(scores, n, choose, take)


@dataclass(frozen=True)
class Reserved:
    """Last slots reserved for given items."""

    inner: Diversifier | None
    """Orders the other candidates; None orders them by score."""
    users: IntArray
    """Users, ascending, repeated for each reserved slot."""
    items: IntArray
    """Item of each reserved slot."""

    def scores(self, users: IntArray, items: IntArray, scores: FloatArray, n: int) -> FloatArray:
        """Implements `Diversifier.scores`."""
        wanted = self.inner.scores(users, items, scores, n) if self.inner else scores.copy()
        low, high = np.searchsorted(self.users, users), np.searchsorted(self.users, users, side="right")
        for row in np.flatnonzero(high > low):
            columns = np.flatnonzero(np.isin(items[row], self.items[low[row] : high[row]]))
            others = np.delete(wanted[row], columns)
            free = n - len(columns)
            if free < len(others):
                lowest = np.partition(others, len(others) - free - 1)[len(others) - free - 1]
                wanted[row, columns] = np.nextafter(np.maximum(wanted[row, columns], lowest), np.float32(np.inf))
        return wanted


def _greedy(
    scores: FloatArray, n: int, choose: Callable[[int, Array], Array], take: Callable[[int, Array], None]
) -> Array:
    """Returns scores that rank the chosen candidates first, in the order of their choice."""
    rows, left, ordered = np.arange(len(scores)), scores.copy(), scores.copy()
    top = np.where(np.isfinite(scores), scores, 0).max(1, initial=0)
    for slot in range(min(n, scores.shape[1])):
        chosen = choose(slot, left)
        available = np.isfinite(left[rows, chosen])
        ordered[rows[available], chosen[available]] = top[available] + n - slot
        left[rows, chosen] = -np.inf
        take(slot, chosen)
    return ordered


def _in_parts(rescore: Callable[[slice], Array], items: IntArray, scores: FloatArray) -> Array:
    """Rescores a few users at a time, so that the vectors of all their candidates fit into memory."""
    parts = [rescore(slice(start, start + USERS_AT_ONCE)) for start in range(0, len(items), USERS_AT_ONCE)]
    return np.concatenate(parts) if parts else scores
