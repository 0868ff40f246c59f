"""The best items of users with a history: from the index, without what they had, and why."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import AigcState
from chatrec.index import ItemIndex
from chatrec.ranking.lists import NOBODY, Lists
from chatrec.source.snapshot import Array, Histories

EXACT_NORMALISER_BELOW = 20_000
SAMPLED_FOR_NORMALISER = 4096
GROUPS_OF_AN_ITEM = 32


@dataclass(frozen=True)
class Ranker:
    """Everything that the lists of a night are made from."""

    state: AigcState
    groups: ItemGroups
    index: ItemIndex
    histories: Histories
    history: int
    """Events that make a user's vector."""
    top_n: int
    exclude_seen: bool
    seed: int

    def bytes_of_a_user(self, events: int) -> int:
        """About how much memory a user with so many events takes while a block is ranked."""
        found = self.top_n + (events if self.exclude_seen else 0)
        width = int(self.state.items.shape[1])
        return 64 * found + 16 * len(self._sample) + 24 * width * (self.top_n + self.history)

    def lists(self, users: Array) -> Lists:
        """The lists of some users, all with a history.

        Args:
            users: of one block; memory goes with the longest history in it.
        """
        latest = self.histories.latest(users, self.history)
        vectors = self.state.users(latest)
        items, products = self._candidates(users, vectors)
        scores = np.exp(products - self._log_normaliser(vectors, items, products)[:, None])
        attention = self.state.attention(vectors)
        return Lists(
            users,
            items,
            np.where(items >= 0, scores, 0).astype(np.float32),
            "aigc",
            self._strongest_group(items, attention),
            self._nearest_event(items, latest),
            self._shares(items, vectors),
        )

    @cached_property
    def _sample(self) -> Array:
        rows = self.index.rows
        if len(rows) <= EXACT_NORMALISER_BELOW:
            return rows
        return np.random.default_rng(self.seed).choice(rows, SAMPLED_FOR_NORMALISER, replace=False)

    @cached_property
    def _groups_of_items(self) -> Array:
        return padded_groups(self.groups, len(self.state.items))

    def _candidates(self, users: Array, vectors: Array) -> tuple[Array, Array]:
        """The first N unseen items of each user."""
        hidden = int(self.histories.lengths[users].max(initial=0)) if self.exclude_seen else 0
        items, products = self.index.search(vectors, self.top_n + hidden)
        if self.exclude_seen:
            seen = is_seen(self.histories, users, items)
            items, products = np.where(seen, NOBODY, items), np.where(seen, -np.inf, products)
        first = np.argsort(items < 0, axis=1, kind="stable")[:, : self.top_n]
        items, products = np.take_along_axis(items, first, 1), np.take_along_axis(products, first, 1)
        return (items, products) if self.index.facts.kind == "flat" else self._complete(users, vectors, items, products)

    def _complete(self, users: Array, vectors: Array, items: Array, products: Array) -> tuple[Array, Array]:
        """An approximate index may run out of items: such users are searched exactly."""
        for row in np.flatnonzero((items < 0).any(1)):
            allowed = self.index.rows
            if self.exclude_seen:
                allowed = allowed[~np.isin(allowed, self.histories.of(users[row]))]
            mine = self.state.items[allowed] @ vectors[row]
            best = np.argsort(-mine, kind="stable")[: self.top_n]
            items[row, : len(best)], products[row, : len(best)] = allowed[best], mine[best]
        return items, products

    def _log_normaliser(self, vectors: Array, items: Array, products: Array) -> Array:
        """log Σ_i exp(uᵀv_i) over the items of the index, for each user.

        Over a large catalogue the sum is that of the list itself plus an estimate of the rest from a sample.
        """
        sample = self._sample
        others = vectors @ self.state.items[sample].T
        if len(sample) == len(self.index):
            return _log_sum(others)
        others[(sample[None, :, None] == items[:, None, :]).any(2)] = -np.inf
        rest = np.log((len(self.index) - (items >= 0).sum(1)) / len(sample))
        return _log_sum(np.hstack([products, others + rest[:, None]]))

    def _strongest_group(self, items: Array, attention: Array) -> Array:
        """Of each item's groups the one that the user attends to most."""
        groups = self._groups_of_items[items]
        padded = np.hstack([attention, np.full((len(attention), 1), -1, attention.dtype)])
        weights = padded[np.arange(len(items))[:, None, None], groups]
        strongest = np.take_along_axis(groups, weights.argmax(2)[..., None], 2)[..., 0]
        return np.where(items >= 0, strongest, NOBODY)

    def _nearest_event(self, items: Array, latest: Array) -> Array:
        """Of the events that make the user's vector the one that adds most to the score."""
        added = np.einsum("und,uhd->unh", self.state.items[items], self.state.items[latest])
        added[np.broadcast_to((latest < 0)[:, None, :], added.shape)] = -np.inf
        return np.where(items >= 0, np.take_along_axis(latest, added.argmax(2), 1), NOBODY)

    def _shares(self, items: Array, vectors: Array) -> Array:
        """How the positive parts of uᵀv_i divide into what was learned from behaviour and what the text says."""
        language = np.einsum("ud,und->un", vectors, self.state.given[items])
        behaviour = np.einsum("ud,und->un", vectors, self.state.items[items]) - language
        parts = np.maximum(np.stack([behaviour, language], 2), 0)
        total = parts.sum(2, keepdims=True)
        shares: Array = (parts / np.where(total > 0, total, 1)).astype(np.float32)
        return shares


def is_seen(histories: Histories, users: Array, items: Array) -> Array:
    """Whether each user had each item.

    Args:
        histories: of all users.
        users: of one block.
        items: users × any number, rows of items; -1 is never seen.

    Returns:
        bool, the shape of items.
    """
    width = np.int64(items.max(initial=0)) + 1
    rows = np.repeat(np.arange(len(users)), histories.lengths[users])
    had = np.concatenate([histories.of(user) for user in users]) if len(users) else np.empty(0, np.int32)
    near = had < width
    keys = np.unique(rows[near] * width + had[near])
    wanted = np.arange(len(users))[:, None] * width + items
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    found = keys[place] == wanted if len(keys) else np.zeros(items.shape, bool)
    known: Array = found & (items >= 0)
    return known


def padded_groups(groups: ItemGroups, items: int) -> Array:
    """The groups of each item: (items + 1) × at most GROUPS_OF_AN_ITEM, padded with -1; the last row is nobody's."""
    order = np.argsort(groups.items, kind="stable")
    item, group = groups.items[order], groups.groups[order]
    place = np.arange(len(item)) - np.searchsorted(item, item)
    kept = place < GROUPS_OF_AN_ITEM
    padded = np.full((items + 1, int(place[kept].max(initial=0)) + 1), NOBODY, np.int32)
    padded[item[kept], place[kept]] = group[kept]
    return padded


def _log_sum(values: Array) -> Array:
    largest = values.max(1, keepdims=True)
    total: Array = np.log(np.exp(values - largest).sum(1)) + largest[:, 0]
    return total
