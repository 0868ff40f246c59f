"""What users searched for lately, as evidence beside that of the channels.

How much a search counts is a setting and not learned: held-out events are of users who mostly searched for nothing, and
a search says what the user wants now.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import Queries
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import NOBODY
from chatrec.ensemble.log_shares import FLOOR, floor_of
from chatrec.extract.snapshot import Snapshot
from chatrec.features.search import matches

SEARCH = "search"
DAY = 86_400 * 1_000_000


@dataclass(frozen=True)
class Searches:
    """The searches of all users and what they mean."""

    queries: Queries
    found: csr_matrix
    """texts of queries × items: how well an item answers."""
    weight: float
    """Beside the weights of the channels."""
    half_life: float
    """Days until a search counts half as much."""
    now: int
    """Microseconds since 1970."""

    @classmethod
    def of(cls, snapshot: Snapshot, weight: float, half_life: float) -> Self:
        """Of a snapshot."""
        found = matches(snapshot.items, snapshot.queries.texts)
        return cls(snapshot.queries, found, weight, half_life, snapshot.newest)

    @cached_property
    def strength(self) -> Array:
        """Of each query: 1 for one of this moment, half of it after the half-life."""
        strength: Array = np.exp2(-(self.now - self.queries.times) / (self.half_life * DAY))
        return strength

    def searched(self, users: Array) -> Array:
        """bool for each user: whether there was a search that any item answers."""
        found: Array = np.asarray(self._of(users).sum(1)).ravel() > 0
        return found

    def evidence(self, batch: UserBatch) -> "SearchEvidence":
        """Of a batch of users."""
        latest = self.queries.starts[batch.users]
        searched = self.queries.lengths[batch.users] > 0
        strength = np.append(self.strength, 0)[np.where(searched, latest, -1)]
        return SearchEvidence(self._of(batch.users), strength.astype(np.float32), batch)

    def _of(self, users: Array) -> csr_matrix:
        """users × items: Σ over the user's queries of strength · how well an item answers."""
        rows, places = self.queries.positions(users)
        values = self.strength[places].astype(np.float32)
        asked = csr_matrix((values, (rows, self.queries.rows[places])), shape=(len(users), self.found.shape[0]))
        return csr_matrix(asked @ self.found)


@dataclass(frozen=True)
class SearchEvidence:
    """See `chatrec.ensemble.log_shares.Evidence`.

    l = f + strength · (log(s / Σ s + .3 / n) - f) over the n items that a list may have, f what is said where nothing
    is known: an old search has less to say about every item alike.
    """

    scores: csr_matrix
    """users × items, not negative."""
    strength: Array
    """0 to 1, of each user's latest search."""
    batch: UserBatch

    def gathered(self, k: int) -> Array:
        """See Evidence."""
        allowed = self._allowed
        lengths = np.minimum(np.diff(allowed.indptr), k)
        found = np.full((len(lengths), int(lengths.max(initial=0))), NOBODY, np.int32)
        for row in np.flatnonzero(lengths):
            part = slice(allowed.indptr[row], allowed.indptr[row + 1])
            best = np.argsort(-allowed.data[part], kind="stable")[: lengths[row]]
            found[row, : lengths[row]] = allowed.indices[part][best]
        return found

    def log_shares(self, items: Array) -> Array:
        """See Evidence."""
        total = np.maximum(np.asarray(self._allowed.sum(1)).ravel(), np.finfo(np.float32).tiny)
        rows = np.repeat(np.arange(len(items)), items.shape[1])
        scores = np.asarray(self._allowed[rows, items.ravel()]).reshape(items.shape)
        said = np.log(scores / total[:, None] + (FLOOR / self._possible)[:, None])
        floor = self.floor[:, None]
        found: Array = floor + self.strength[:, None] * (said - floor)
        return found

    @property
    def floor(self) -> Array:
        """See Evidence."""
        return floor_of(self._possible)

    @cached_property
    def _possible(self) -> Array:
        possible: Array = np.maximum((~self.batch.exclude_mask).sum(1), 1)
        return possible

    @cached_property
    def _allowed(self) -> csr_matrix:
        """The scores of what a list may have."""
        scores = csr_matrix(self.scores, copy=True)
        scores.sort_indices()
        rows = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
        scores.data[self.batch.exclude_mask[rows, scores.indices]] = 0
        scores.eliminate_zeros()
        return scores
