"""Lists for users without a history: by their searches, by the groups that their profile attends to, by popularity."""

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.aigc.state import AigcState
from chatrec.blend.candidates import NOBODY
from chatrec.ranking.lists import GROUP, POPULAR, SEARCHED, Lists
from chatrec.ranking.rated import Rated
from chatrec.source.snapshot import Array


def searched_lists(users: Array, rated: Rated) -> Lists:
    """What searches and popularity rate best.

    Args:
        users: of one block.
        rated: their best items.
    """
    scores = np.where(rated.items >= 0, np.exp(rated.scores), 0).astype(np.float32)
    nobody = np.full(rated.items.shape, NOBODY, np.int32)
    return Lists(users, rated.items, scores, SEARCHED, nobody, nobody)


def group_lists(
    users: Array, profiles: Array, state: AigcState, shares: csr_matrix, recommendable: Array, top_n: int
) -> Lists:
    """P(i) = Σ_k a_k P(i|k): attention from groups to their members, by popularity within the group.

    Args:
        users: of one block.
        profiles: users × dimensions, their text vectors.
        state: with what a profile says.
        shares: groups × items, P(i|k).
        recommendable: bool for each item.
        top_n: length of a list.
    """
    vectors = state.strangers(profiles)
    attention = state.attention(vectors)
    scores = np.where(recommendable, np.asarray((shares.T @ attention.T).T), -np.inf)
    items, best = _first(scores, top_n)
    by_group = shares.T.tocsr()
    group = np.full(items.shape, NOBODY, np.int32)
    for place in range(items.shape[1]):
        weights = by_group[np.maximum(items[:, place], 0)].multiply(attention).tocsr()
        group[:, place] = np.asarray(weights.argmax(axis=1)).ravel()
    nobody = np.full(items.shape, NOBODY, np.int32)
    return Lists(users, items, best, GROUP, np.where(items >= 0, group, NOBODY), nobody, vectors=vectors)


def popular_lists(users: Array, popular: Array, recommendable: Array, top_n: int) -> Lists:
    """The same list for everybody; a score is the item's share of all events.

    Args:
        users: of one block.
        popular: weight of each item's events.
        recommendable: bool for each item.
        top_n: length of a list.
    """
    shares = np.where(recommendable, popular / max(popular.sum(), 1), -np.inf)
    items, scores = (np.repeat(part, len(users), axis=0) for part in _first(shares[None, :], top_n))
    nobody = np.full(items.shape, NOBODY, np.int32)
    return Lists(users, items, scores, POPULAR, nobody, nobody)


def _first(scores: Array, n: int) -> tuple[Array, Array]:
    """The n best items of each row; equal scores in the order of the items."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n].astype(np.int32)
    best = np.take_along_axis(scores, order, 1)
    return np.where(np.isfinite(best), order, NOBODY), np.where(np.isfinite(best), best, 0).astype(np.float32)
