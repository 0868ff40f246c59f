"""Ranking metrics, from the rank that a list gives to what the user really took (0 is the first place).

All are means over users of a per-user value, so that two systems can be compared user by user.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]

RESAMPLES = 1_000


def ndcg(ranks: Ranks, k: int) -> Floats:
    """NDCG@k for one relevant item: 1/log2(rank + 2), 0 beyond k (Järvelin and Kekäläinen 2002)."""
    return np.where(ranks < k, 1 / np.log2(ranks + 2.0), 0.0)


def hit_rate(ranks: Ranks, k: int) -> Floats:
    """HR@k, which is Recall@k for one relevant item."""
    return (ranks < k).astype(np.float64)


def reciprocal_rank(ranks: Ranks, k: int) -> Floats:
    """MRR@k: 1/(rank + 1), 0 beyond k."""
    return np.where(ranks < k, 1 / (ranks + 1.0), 0.0)


def rank_in(scores: NDArray[np.floating], targets: NDArray[np.integer]) -> Ranks:
    """The rank of a target in each row of scores.

    Args:
        scores: users × items; -inf for what may not be recommended.
        targets: one item for each row.

    Returns:
        How many items score higher; of equal scores half are counted as higher, so that a system that scores
        everything alike is not called perfect.
    """
    mine = np.take_along_axis(scores, targets[:, None], axis=1)
    higher = (scores > mine).sum(1)
    equal = (scores == mine).sum(1) - 1
    ranks: Ranks = (higher + equal // 2).astype(np.int64)
    return ranks


def paired_difference(a: Floats, b: Floats, seed: int) -> tuple[float, float, float]:
    """How much better `a` is than `b`, with a 95 % interval by paired bootstrap over users.

    Returns:
        The mean of a - b, its lower and its upper bound.
    """
    difference = a - b
    if not len(difference):
        return 0.0, 0.0, 0.0
    random = np.random.default_rng(seed)
    means = [difference[random.integers(0, len(difference), len(difference))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)
