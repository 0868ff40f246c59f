"""Fallback lists for users without a history: by searches, by the groups closest to the profile, or by popularity."""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.aigc.state import AigcState
from chatrec.data.arrays import Array, BoolArray, FloatArray, IntArray, take, top_k
from chatrec.ensemble.candidates import NONE, PADDING
from chatrec.models.popularity import SMOOTHING
from chatrec.ranking.lists import GROUP, POPULAR, SEARCHED, Lists
from chatrec.ranking.rules.rules import Rules
from chatrec.ranking.scored import NO_RULES, ScoredCandidates


def _no_items() -> BoolArray:
    """Returns a mask of no items, for a catalogue of any size."""
    return np.zeros(1, bool)


def searched_lists(users: IntArray, scored: ScoredCandidates) -> Lists:
    """Makes lists from scores of searches and popularity.

    Args:
        users: Users of one batch.
        scored: Their scored candidates.
    """
    scores = np.where(scored.items >= 0, np.exp(scored.scores), 0).astype(np.float32)
    none = np.full(scored.items.shape, PADDING, np.int32)
    return Lists(users, scored.items, scores, SEARCHED, none, none)


@dataclass(frozen=True)
class Shown:
    """Items that lists may contain, and the rules."""

    recommendable: BoolArray
    """Availability of items, bool of shape (items,)."""
    top_n: int
    """Length of a list."""
    rules: Rules = NO_RULES
    considered: int = 0
    """Number of candidates of a list that rules shape."""
    extra: IntArray = field(default_factory=lambda: NONE)
    """Rows of additional candidate items."""
    new: BoolArray = field(default_factory=_no_items)
    """New items, which follow items with events unless rules raise them, bool of shape (items,)."""
    dead: BoolArray = field(default_factory=_no_items)
    """Dead stock, which follows all other items, bool of shape (items,)."""

    def best(self, scores: FloatArray) -> tuple[Array, Array]:
        """Makes lists from scores.

        Args:
            scores: Scores, users × items, not negative. The first of several equal items ranks first.

        Returns:
            Items and scores, users × at most top_n; PADDING and 0 where a list is shorter, 0 for dead stock.
        """
        if self.new.any():
            scores = np.where(self.new, self._below_known(scores), scores)
        if self.rules.log_factors is not None:
            scores = scores * np.exp(self.rules.log_factors)
        if self.dead.any():
            scores = np.where(self.dead, -1 / (1 + scores), scores)
        scores = np.where(self.recommendable, scores, -np.inf)
        items = top_k(scores, max(self.considered, self.top_n), stable=True)
        if self.rules.shape_lists:
            items = self._shaped(items, scores)
        return items, np.maximum(take(scores, items, 0), 0).astype(np.float32)

    def _below_known(self, scores: FloatArray) -> FloatArray:
        """Scales scores so that those of new items are below those of all items with events."""
        known = self.recommendable & ~self.new & ~self.dead & (scores > 0)
        least = np.where(known, scores, np.inf).min(1, initial=1, keepdims=True)
        largest = np.where(self.new, scores, 0).max(1, initial=0, keepdims=True)
        below: FloatArray = scores * least / (2 * largest + np.finfo(np.float64).tiny)
        return below

    def _shaped(self, items: IntArray, scores: FloatArray) -> Array:
        had = np.zeros((len(scores), scores.shape[1] + 1), bool)  # the last column is of padding
        np.put_along_axis(had, items, True, 1)
        items = np.hstack([items, np.where(had[:, self.extra], PADDING, self.extra)])
        columns = self.rules.columns(items, take(scores, items, -np.inf), self.top_n)
        return take(items, columns, PADDING)


def group_lists(users: IntArray, profiles: FloatArray, state: AigcState, shares: csr_matrix, shown: Shown) -> Lists:
    """Makes lists by P(i) = Σ_k a_k P(i|k): attention over groups times popularity within the group.

    Args:
        users: Users of one batch.
        profiles: Text vectors of the users, users × dimensions.
        state: AIGC state, which maps profiles to user vectors.
        shares: P(i|k), groups × items.
        shown: Items that lists may contain.
    """
    vectors = state.profile_vectors(profiles)
    attention = state.attention(vectors)
    items, best = shown.best(np.asarray((shares.T @ attention.T).T))
    by_group = shares.T.tocsr()
    group = np.full(items.shape, PADDING, np.int32)
    for slot in range(items.shape[1]):
        weights = by_group[np.maximum(items[:, slot], 0)].multiply(attention).tocsr()
        group[:, slot] = np.asarray(weights.argmax(axis=1)).ravel()
    none = np.full(items.shape, PADDING, np.int32)
    return Lists(users, items, best, GROUP, np.where(items >= 0, group, PADDING), none, vectors=vectors)


def popular_lists(users: IntArray, popular: FloatArray, shown: Shown) -> Lists:
    """Makes the same popularity list for all users. A score is the item's share of all events.

    Args:
        users: Users of one batch.
        popular: Weight of the events of each item.
        shown: Items that lists may contain.
    """
    smoothing = 0 if shown.rules.log_factors is None else SMOOTHING  # a factor has no effect on a score of 0
    shares = (popular + smoothing) / max(popular.sum(), 1)
    items, scores = (np.repeat(part, len(users), axis=0) for part in shown.best(shares[None, :]))
    none = np.full(items.shape, PADDING, np.int32)
    return Lists(users, items, scores, POPULAR, none, none)
