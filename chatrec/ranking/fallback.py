"""Lists for users without a history: by their searches, by the groups that their profile attends to, by popularity."""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.aigc.state import AigcState
from chatrec.data.arrays import Array
from chatrec.ensemble.candidates import NOBODY, NONE
from chatrec.models.popularity import SMOOTHING
from chatrec.ranking.lists import GROUP, POPULAR, SEARCHED, Lists
from chatrec.ranking.rules.rules import Rules
from chatrec.ranking.scored import NO_RULES, ScoredCandidates


def searched_lists(users: Array, rated: ScoredCandidates) -> Lists:
    """What searches and popularity rate best.

    Args:
        users: of one block.
        rated: their best items.
    """
    scores = np.where(rated.items >= 0, np.exp(rated.scores), 0).astype(np.float32)
    nobody = np.full(rated.items.shape, NOBODY, np.int32)
    return Lists(users, rated.items, scores, SEARCHED, nobody, nobody)


@dataclass(frozen=True)
class Shown:
    """What a list may have, and what rules want of it."""

    recommendable: Array
    """bool for each item."""
    top_n: int
    """Length of a list."""
    rules: Rules = NO_RULES
    considered: int = 0
    """Candidates of a list that rules shape."""
    suggested: Array = field(default_factory=lambda: NONE)
    """Rows of items that are candidates too."""

    def best(self, scores: Array) -> tuple[Array, Array]:
        """The lists that scores make.

        Args:
            scores: users × items; of equal ones the first item wins.

        Returns:
            items and scores, users × at most top_n; NOBODY and 0 where a list ends early.
        """
        if self.rules.log_factors is not None:
            scores = scores * np.exp(self.rules.log_factors)
        scores = np.where(self.recommendable, scores, -np.inf)
        items = np.argsort(-scores, axis=1, kind="stable")[:, : max(self.considered, self.top_n)].astype(np.int32)
        if self.rules.shape_lists:
            items = self._shaped(items, scores)
        best = np.where(items >= 0, np.take_along_axis(scores, np.maximum(items, 0), 1), -np.inf)
        return np.where(np.isfinite(best), items, NOBODY), np.where(np.isfinite(best), best, 0).astype(np.float32)

    def _shaped(self, items: Array, scores: Array) -> Array:
        had = np.zeros(scores.shape, bool)
        np.put_along_axis(had, items, True, 1)
        items = np.hstack([items, np.where(had[:, self.suggested], NOBODY, self.suggested)])
        said = np.where(items >= 0, np.take_along_axis(scores, np.maximum(items, 0), 1), -np.inf)
        columns = self.rules.columns(items, said, self.top_n)
        return np.where(columns >= 0, np.take_along_axis(items, np.maximum(columns, 0), 1), NOBODY)


def group_lists(users: Array, profiles: Array, state: AigcState, shares: csr_matrix, shown: Shown) -> Lists:
    """P(i) = Σ_k a_k P(i|k): attention from groups to their members, by popularity within the group.

    Args:
        users: of one block.
        profiles: users × dimensions, their text vectors.
        state: with what a profile says.
        shares: groups × items, P(i|k).
        shown: what a list may have.
    """
    vectors = state.strangers(profiles)
    attention = state.attention(vectors)
    items, best = shown.best(np.asarray((shares.T @ attention.T).T))
    by_group = shares.T.tocsr()
    group = np.full(items.shape, NOBODY, np.int32)
    for place in range(items.shape[1]):
        weights = by_group[np.maximum(items[:, place], 0)].multiply(attention).tocsr()
        group[:, place] = np.asarray(weights.argmax(axis=1)).ravel()
    nobody = np.full(items.shape, NOBODY, np.int32)
    return Lists(users, items, best, GROUP, np.where(items >= 0, group, NOBODY), nobody, vectors=vectors)


def popular_lists(users: Array, popular: Array, shown: Shown) -> Lists:
    """The same list for everybody; a score is the item's share of all events.

    Args:
        users: of one block.
        popular: weight of each item's events.
        shown: what a list may have.
    """
    smoothing = 0 if shown.rules.log_factors is None else SMOOTHING  # a factor cannot raise nothing
    shares = (popular + smoothing) / max(popular.sum(), 1)
    items, scores = (np.repeat(part, len(users), axis=0) for part in shown.best(shares[None, :]))
    nobody = np.full(items.shape, NOBODY, np.int32)
    return Lists(users, items, scores, POPULAR, nobody, nobody)
