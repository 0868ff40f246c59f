"""Latest searches of users as log shares beside those of the models.

The weight of searches is a setting and is not fitted: most held-out events are of users without searches, while a
search states what the user wants now.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.data.interactions import DAY, Queries
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import PADDING
from chatrec.ensemble.log_shares import FLOOR, floor_of
from chatrec.extract.snapshot import Snapshot
from chatrec.features.search import matches

SEARCH = "search"


@dataclass(frozen=True)
class Searches:
    """The searches of all users and the items that match them."""

    queries: Queries
    matches: csr_matrix
    """Match scores, query texts × items."""
    weight: float
    """Weight relative to the weights of the models."""
    half_life: float
    """Half-life of a search, in days."""
    now: int
    """Current time, in microseconds since 1970."""

    @classmethod
    def of(cls, snapshot: Snapshot, weight: float, half_life: float) -> Self:
        """Makes the searches of a snapshot."""
        scores = matches(snapshot.items, snapshot.queries.texts)
        return cls(snapshot.queries, scores, weight, half_life, snapshot.newest)

    @cached_property
    def strength(self) -> Array:
        """Recency weight of each query: 1 at the current time, 0.5 after one half-life."""
        strength: FloatArray = np.exp2(-(self.now - self.queries.times) / (self.half_life * DAY))
        return strength

    def searched(self, users: IntArray) -> Array:
        """Returns whether each user has a search that any item matches, bool of shape (users,)."""
        any_match: Array = np.asarray(self._of(users).sum(1)).ravel() > 0
        return any_match

    def log_shares(self, batch: UserBatch) -> "SearchLogShares":
        """Returns the log shares of a batch of users."""
        latest = self.queries.starts[batch.users]
        searched = self.queries.lengths[batch.users] > 0
        strength = np.append(self.strength, 0)[np.where(searched, latest, -1)]
        return SearchLogShares(self._of(batch.users), strength.astype(np.float32), batch)

    def _of(self, users: IntArray) -> csr_matrix:
        """Returns Σ over the user's queries of strength · match score, users × items."""
        rows, positions = self.queries.positions(users)
        values = self.strength[positions].astype(np.float32)
        weighted = csr_matrix((values, (rows, self.queries.rows[positions])), shape=(len(users), self.matches.shape[0]))
        return csr_matrix(weighted @ self.matches)


@dataclass(frozen=True)
class SearchLogShares:
    """Log shares of searches; implements `chatrec.ensemble.log_shares.LogShares`.

    l = f + strength · (log(s / Σ s + .3 / n) - f) over the n items that a list may contain, with the floor f of items
    without a match. Old searches are thus shrunk towards the floor.
    """

    scores: csr_matrix
    """Scores, users × items, not negative."""
    strength: FloatArray
    """Recency weight of each user's latest search, from 0 to 1."""
    batch: UserBatch

    def retrieve(self, k: int) -> IntArray:
        """Implements `LogShares`."""
        allowed = self._allowed
        lengths = np.minimum(np.diff(allowed.indptr), k)
        items = np.full((len(lengths), int(lengths.max(initial=0))), PADDING, np.int32)
        for row in np.flatnonzero(lengths):
            part = slice(allowed.indptr[row], allowed.indptr[row + 1])
            best = np.argsort(-allowed.data[part], kind="stable")[: lengths[row]]
            items[row, : lengths[row]] = allowed.indices[part][best]
        return items

    def log_shares(self, items: IntArray) -> FloatArray:
        """Implements `LogShares`."""
        total = np.maximum(np.asarray(self._allowed.sum(1)).ravel(), np.finfo(np.float32).tiny)
        rows = np.repeat(np.arange(len(items)), items.shape[1])
        scores = np.asarray(self._allowed[rows, items.ravel()]).reshape(items.shape)
        matched = np.log(scores / total[:, None] + (FLOOR / self._possible)[:, None])
        floor = self.floor[:, None]
        shrunk: FloatArray = floor + self.strength[:, None] * (matched - floor)
        return shrunk

    @property
    def floor(self) -> FloatArray:
        """Implements `LogShares`."""
        return floor_of(self._possible)

    @cached_property
    def _possible(self) -> Array:
        possible: IntArray = np.maximum((~self.batch.exclude_mask).sum(1), 1)
        return possible

    @cached_property
    def _allowed(self) -> csr_matrix:
        """Scores of the items that a list may contain."""
        scores = csr_matrix(self.scores, copy=True)
        scores.sort_indices()
        rows = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
        scores.data[self.batch.exclude_mask[rows, scores.indices]] = 0
        scores.eliminate_zeros()
        return scores
