"""What lists show, whatever users took: how new it is, how evenly it is spread over the catalogue, how varied."""

import numpy as np
from numpy.typing import NDArray

from chatrec.evaluation.metrics.accuracy import Counts, Floats, Lists


def exposure(lists: Lists, recommendable: NDArray[np.bool_]) -> Counts:
    """In how many lists each item is that a list may have."""
    return np.bincount(lists[lists >= 0], minlength=len(recommendable))[recommendable]


def novelty(lists: Lists, takers: Counts, users: int) -> float:
    """Mean self-information of what is shown, in bits: -log2(share of users who took the item).

    Zhou et al. 2010 (Solving the apparent diversity-accuracy dilemma of recommender systems); Vargas and Castells 2011
    (Rank and relevance in novelty and diversity metrics). An item that nobody took counts as one user's.

    Args:
        lists: of a system; empty ones are left out.
        takers: how many users took each item.
        users: how many took anything.
    """
    there = lists >= 0
    bits = np.where(there, np.log2(max(users, 1) / np.maximum(takers, 1))[lists], 0)
    some = there.any(1)
    return float((bits.sum(1)[some] / there.sum(1)[some]).mean()) if some.any() else 0.0


def gini(counts: Counts) -> float:
    """Gini coefficient of exposure: 0 if all items are shown alike, near 1 if one item has it all.

    G = Σ_i (2i - n - 1) x_i / (n Σ x), x ascending (Fleder and Hosanagar 2009: Blockbuster culture).

    Args:
        counts: exposure of each of the n items.
    """
    n, total = len(counts), counts.sum()
    if not total:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ np.sort(counts) / (n * total))


def lorenz(counts: Counts, points: int = 101) -> Floats:
    """The Lorenz curve: which share of exposure the least shown x of the items have, at even steps of x from 0 to 1."""
    shares = np.concatenate([[0.0], np.cumsum(np.sort(counts)) / max(counts.sum(), 1)])
    found: Floats = np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(shares)), shares)
    return found


def diversity(lists: Lists, vectors: NDArray[np.floating]) -> float:
    """Intra-list diversity: the mean of 1 - cosine over all pairs of a list, mean over lists.

    Smyth and McClave 2001 (Similarity vs. diversity); Ziegler et al. 2005 (Improving recommendation lists through topic
    diversification). With unit vectors the cosines of all ordered pairs sum to |Σv|² - m, m the length of the list.

    Args:
        lists: of a system; those with less than two vectors are left out.
        vectors: items × dimensions, of unit length; zero for an item of which nothing is known, which makes no pair.
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
