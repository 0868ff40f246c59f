"""Metrics beyond accuracy: novelty, exposure over the catalogue, and diversity."""

import numpy as np
from numpy.typing import NDArray

from chatrec.evaluation.metrics.accuracy import Counts, Floats, Lists


def exposure(lists: Lists, recommendable: NDArray[np.bool_]) -> Counts:
    """Returns the number of lists that contain each recommendable item."""
    return np.bincount(lists[lists >= 0], minlength=len(recommendable))[recommendable]


def novelty(lists: Lists, takers: Counts, users: int) -> float:
    """Mean self-information of the recommended items, in bits: -log2(share of users who took the item).

    Zhou et al. 2010 (Solving the apparent diversity-accuracy dilemma of recommender systems); Vargas and Castells 2011
    (Rank and relevance in novelty and diversity metrics). An item without users counts as taken by one user.

    Args:
        lists: Lists of a model; empty ones are skipped.
        takers: Number of users who took each item.
        users: Number of users with a history.
    """
    filled = lists >= 0
    bits = np.where(filled, np.log2(max(users, 1) / np.maximum(takers, 1))[lists], 0)
    some = filled.any(1)
    return float((bits.sum(1)[some] / filled.sum(1)[some]).mean()) if some.any() else 0.0


def gini(counts: Counts) -> float:
    """Gini coefficient of exposure: 0 for equal exposure of all items, near 1 if one item has all of it.

    G = Σ_i (2i - n - 1) x_i / (n Σ x), x ascending (Fleder and Hosanagar 2009: Blockbuster culture).

    Args:
        counts: Exposure of each of the n items.
    """
    n, total = len(counts), counts.sum()
    if not total:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ np.sort(counts) / (n * total))


def lorenz(counts: Counts, points: int = 101) -> Floats:
    """Lorenz curve: the exposure share of the least exposed fraction x of the items, at even steps of x in [0, 1]."""
    shares = np.concatenate([[0.0], np.cumsum(np.sort(counts)) / max(counts.sum(), 1)])
    curve: Floats = np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(shares)), shares)
    return curve


def diversity(lists: Lists, vectors: NDArray[np.floating]) -> float:
    """Intra-list diversity: the mean of 1 - cosine over all pairs of a list, averaged over lists.

    Smyth and McClave 2001 (Similarity vs. diversity); Ziegler et al. 2005 (Improving recommendation lists through topic
    diversification). With unit vectors the cosines of all ordered pairs sum to |Σv|² - m, m the length of the list.

    Args:
        lists: Lists of a model; those with fewer than two vectors are skipped.
        vectors: Text vectors, items × dimensions, of unit length; zero for items without text, which form no pair.
    """
    total, m = np.zeros((len(lists), vectors.shape[1])), np.zeros(len(lists), np.int64)
    for column in lists.T:
        shown = np.where((column >= 0)[:, None], vectors[column], 0)
        total += shown
        m += shown.any(1)
    pairs = m * (m - 1)
    some = pairs > 0
    cosines = (np.square(total).sum(1) - m)[some] / pairs[some]
    return float(1 - cosines.mean()) if some.any() else 0.0
