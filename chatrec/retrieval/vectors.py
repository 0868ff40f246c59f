"""Evidence of a channel of vectors: candidates from the FAISS index, shares from inner products."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.data.arrays import Array, log_sum
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import NOBODY
from chatrec.ensemble.log_shares import floor_of
from chatrec.retrieval.index import ItemIndex

SCORED_WHOLE_BELOW = 20_000
"""Items of a catalogue of which all products are made: cheaper than fetching the vectors of each user's candidates."""
SAMPLED_FOR_NORMALISER = 4096


@dataclass(frozen=True)
class Vectors:
    """Item vectors and their index."""

    items: Array
    """items × width."""
    index: ItemIndex
    seed: int

    @property
    def are_few(self) -> bool:
        """Whether all products are made."""
        return len(self.items) < SCORED_WHOLE_BELOW

    @cached_property
    def sample(self) -> Array:
        """The items over which exponentials are summed: all of a small catalogue.

        An estimate shifts all scores of a user alike, so it changes no list.
        """
        rows = self.index.rows
        if self.are_few or len(rows) <= SAMPLED_FOR_NORMALISER:
            return rows
        return np.sort(np.random.default_rng(self.seed).choice(rows, SAMPLED_FOR_NORMALISER, replace=False))


@dataclass(frozen=True)
class IndexedEvidence:
    """What inner products say about a batch of users; see `chatrec.ensemble.log_shares.Evidence`."""

    vectors: Vectors
    users: Array
    """users × width."""
    batch: UserBatch

    def gathered(self, k: int) -> Array:
        """The best k items of each user that a list may have; -1 only where there is no more."""
        lengths = self.batch.histories.lengths[self.batch.users]
        seen = int(lengths.max(initial=0)) if self.batch.exclude_seen else 0
        items, _ = self.vectors.index.search(self.users, k + seen)
        items = np.where(self.batch.exclude_mask[np.arange(len(items))[:, None], items], NOBODY, items)
        items = np.take_along_axis(items, np.argsort(items < 0, axis=1, kind="stable"), 1)[:, :k]
        return items if self.vectors.index.facts.kind == "flat" else self._completed(items)

    def log_shares(self, items: Array) -> Array:
        """log softmax of uᵀv over what the list may have."""
        if self.vectors.are_few:
            products = np.take_along_axis(self._products, items.astype(np.int64), 1)
        else:
            products = np.einsum("ucd,ud->uc", self.vectors.items[items], self.users)
        shares: Array = products - self._log_normaliser
        return shares

    @property
    def floor(self) -> Array:
        """See Evidence."""
        return floor_of(np.maximum((~self.batch.exclude_mask).sum(1), 1))

    def _completed(self, items: Array) -> Array:
        """An approximate index may run out of items: such users are searched exactly."""
        for row in np.flatnonzero((items < 0).any(1)):
            allowed = np.flatnonzero(~self.batch.exclude_mask[row])
            best = np.argsort(-(self.vectors.items[allowed] @ self.users[row]), kind="stable")[: items.shape[1]]
            items[row, : len(best)] = allowed[best]
        return items

    @cached_property
    def _products(self) -> Array:
        """uᵀv of all items: users × items."""
        products: Array = self.users @ self.vectors.items.T
        return products

    @cached_property
    def _log_normaliser(self) -> Array:
        sample = self.vectors.sample
        products = self._products[:, sample] if self.vectors.are_few else self.users @ self.vectors.items[sample].T
        products[self.batch.exclude_mask[:, sample]] = -np.inf
        normaliser: Array = log_sum(products) + np.log(len(self.vectors.index) / max(len(sample), 1))
        return normaliser


@dataclass(frozen=True)
class PartOfIndex:
    """A channel among others of the same index; see `chatrec.ensemble.log_shares.Evidence`."""

    own: IndexedEvidence
    together: IndexedEvidence | None
    """All of them, which one of them asks to gather."""

    def gathered(self, k: int) -> Array:
        """What all channels of the index find together; nothing if another one asks."""
        return self.together.gathered(k) if self.together else np.empty((len(self.own.users), 0), np.int32)

    def log_shares(self, items: Array) -> Array:
        """Of the channel alone."""
        return self.own.log_shares(items)

    @property
    def floor(self) -> Array:
        """See Evidence."""
        return self.own.floor
