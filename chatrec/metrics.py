"""Ranking metrics of lists, from which places of a list hold what the user really took.

`hits` is bool, users × places, the best place first; `relevant` is how many items each user took. Values are per user,
so that two systems can be compared user by user.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]

RESAMPLES = 1_000


def ndcg(hits: Hits, relevant: Counts) -> Floats:
    """NDCG@k with binary gains (Järvelin and Kekäläinen 2002): Σ 1/log2(place + 1) over the best that is possible."""
    discounts = 1 / np.log2(np.arange(2, hits.shape[1] + 2))
    best = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(relevant, hits.shape[1])]
    found: Floats = hits @ discounts / best
    return found


def recall(hits: Hits, relevant: Counts) -> Floats:
    """Recall@k: the share of what was taken that the list has."""
    found: Floats = np.divide(hits.sum(1), relevant, dtype=np.float64)
    return found


def hit_rate(hits: Hits) -> Floats:
    """HR@k: 1 if the list has anything that was taken."""
    found: Floats = np.asarray(hits.any(1), np.float64)
    return found


def reciprocal_rank(hits: Hits) -> Floats:
    """MRR@k: one over the first place that was taken, 0 without one."""
    first = hits.argmax(1).astype(np.float64)
    return np.where(hits.any(1), 1 / (first + 1), 0.0)


def average_precision(hits: Hits, relevant: Counts) -> Floats:
    """MAP@k: the mean of the precision at each place that was taken, over min(k, relevant)."""
    precision = np.cumsum(hits, 1) / np.arange(1, hits.shape[1] + 1)
    found: Floats = (precision * hits).sum(1) / np.minimum(relevant, hits.shape[1])
    return found


def summary(
    hits: Hits, relevant: Counts, lists: NDArray[np.integer], recommendable: NDArray[np.bool_]
) -> dict[str, float]:
    """All metrics of one system, means over users; the names say @10 whatever the length of the lists.

    Args:
        hits: of its lists.
        relevant: items that each user took.
        lists: users × places, rows of items, padded with -1.
        recommendable: bool for each item; coverage is the share of them that some list has.
    """
    values = {
        "ndcg@10": ndcg(hits, relevant),
        "recall@10": recall(hits, relevant),
        "hr@10": hit_rate(hits),
        "mrr@10": reciprocal_rank(hits),
        "map@10": average_precision(hits, relevant),
    }
    shown = len(np.unique(lists[lists >= 0])) / max(int(recommendable.sum()), 1)
    return {**{name: round(float(each.mean()), 6) for name, each in values.items()}, "coverage@10": round(shown, 6)}


def paired_difference(a: Floats, b: Floats, seed: int, level: float = 0.95) -> tuple[float, float, float]:
    """How much better `a` is than `b`, with an interval by paired bootstrap over users.

    Args:
        a: a value for each user.
        b: the same for another system.
        seed: of the bootstrap.
        level: how sure the interval is.

    Returns:
        The mean of a - b, its lower and its upper bound.
    """
    difference = a - b
    if not len(difference):
        return 0.0, 0.0, 0.0
    random = np.random.default_rng(seed)
    means = [difference[random.integers(0, len(difference), len(difference))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(difference.mean()), float(low), float(high)
