"""Log shares of a vector model: candidates from the FAISS index, scores from inner products."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray, log_sum
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import PADDING
from chatrec.ensemble.log_shares import floor_of
from chatrec.retrieval.index import ItemIndex

SCORED_WHOLE_BELOW = 20_000
"""Catalogues with fewer items are scored completely, which is cheaper than fetching the vectors of each candidate."""
SAMPLED_FOR_NORMALISER = 4096


@dataclass(frozen=True)
class Vectors:
    """Item vectors and their index."""

    items: FloatArray
    """Item vectors, items × width."""
    index: ItemIndex
    seed: int

    @property
    def are_few(self) -> bool:
        """Whether all inner products are computed."""
        return len(self.items) < SCORED_WHOLE_BELOW

    @cached_property
    def sample(self) -> Array:
        """Sample of items for the normaliser of the softmax; all items of a small catalogue.

        Its error shifts all scores of a user equally, so it changes no list.
        """
        rows = self.index.rows
        if self.are_few or len(rows) <= SAMPLED_FOR_NORMALISER:
            return rows
        return np.sort(np.random.default_rng(self.seed).choice(rows, SAMPLED_FOR_NORMALISER, replace=False))


@dataclass(frozen=True)
class IndexedLogShares:
    """Log shares of a batch of users from inner products; implements `chatrec.ensemble.log_shares.LogShares`."""

    vectors: Vectors
    users: FloatArray
    """User vectors, users × width."""
    batch: UserBatch

    def retrieve(self, k: int) -> IntArray:
        """Returns the best k items of each user that a list may contain; -1 only if there are no more."""
        lengths = self.batch.histories.lengths[self.batch.users]
        seen = int(lengths.max(initial=0)) if self.batch.exclude_seen else 0
        items, _ = self.vectors.index.search(self.users, k + seen)
        items = np.where(self.batch.exclude_mask[np.arange(len(items))[:, None], items], PADDING, items)
        items = np.take_along_axis(items, np.argsort(items < 0, axis=1, kind="stable"), 1)[:, :k]
        return items if self.vectors.index.facts.kind == "flat" else self._completed(items)

    def log_shares(self, items: IntArray) -> FloatArray:
        """Returns the log softmax of uᵀv over the items that a list may contain."""
        if self.vectors.are_few:
            products = np.take_along_axis(self._products, items.astype(np.int64), 1)
        else:
            products = np.einsum("ucd,ud->uc", self.vectors.items[items], self.users)
        shares: FloatArray = products - self._log_normaliser
        return shares

    @property
    def floor(self) -> FloatArray:
        """Implements `LogShares`."""
        return floor_of(np.maximum((~self.batch.exclude_mask).sum(1), 1))

    def _completed(self, items: IntArray) -> Array:
        """Searches exactly for users to whom the approximate index gives too few items."""
        for row in np.flatnonzero((items < 0).any(1)):
            allowed = np.flatnonzero(~self.batch.exclude_mask[row])
            best = np.argsort(-(self.vectors.items[allowed] @ self.users[row]), kind="stable")[: items.shape[1]]
            items[row, : len(best)] = allowed[best]
        return items

    @cached_property
    def _products(self) -> Array:
        """Inner products uᵀv with all items, users × items."""
        products: FloatArray = self.users @ self.vectors.items.T
        return products

    @cached_property
    def _log_normaliser(self) -> Array:
        sample = self.vectors.sample
        products = self._products[:, sample] if self.vectors.are_few else self.users @ self.vectors.items[sample].T
        products[self.batch.exclude_mask[:, sample]] = -np.inf
        normaliser: FloatArray = log_sum(products) + np.log(len(self.vectors.index) / max(len(sample), 1))
        return normaliser


@dataclass(frozen=True)
class PartOfIndex:
    """Log shares of one of several models in the same index; implements `chatrec.ensemble.log_shares.LogShares`."""

    own: IndexedLogShares
    together: IndexedLogShares | None
    """All models together. Only one of them has it and retrieves for all."""

    def retrieve(self, k: int) -> IntArray:
        """Returns the candidates of all models in the index; empty if another model retrieves them."""
        return self.together.retrieve(k) if self.together else np.empty((len(self.own.users), 0), np.int32)

    def log_shares(self, items: IntArray) -> FloatArray:
        """Returns the log shares of this model alone."""
        return self.own.log_shares(items)

    @property
    def floor(self) -> FloatArray:
        """Implements `LogShares`."""
        return self.own.floor
