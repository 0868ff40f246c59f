"""Accuracy metrics.

`hits` marks relevant items, bool, users × slots, the best slot first; `relevant` is the number of relevant items of
each user. Values are per user, so that models can be compared in pairs.
"""

import numpy as np
from numpy.typing import NDArray

from chatrec.data.arrays import IntArray

Floats = NDArray[np.float64]
Hits = NDArray[np.bool_]
Counts = IntArray
Lists = IntArray
"""Lists, users × slots, rows of items, the best first, padded with -1."""


def ndcg(hits: Hits, relevant: Counts) -> Floats:
    """NDCG@k with binary gains (Järvelin and Kekäläinen 2002): Σ 1/log2(rank + 1) over its largest possible value."""
    of_slots = discounts(hits.shape[1])
    best = np.concatenate([[0.0], np.cumsum(of_slots)])[np.minimum(relevant, hits.shape[1])]
    values: Floats = hits @ of_slots / best
    return values


def recall(hits: Hits, relevant: Counts) -> Floats:
    """Recall@k: the share of the relevant items that are in the list."""
    values: Floats = np.divide(hits.sum(1), relevant, dtype=np.float64)
    return values


def hit_rate(hits: Hits) -> Floats:
    """HR@k: 1 if the list has any relevant item."""
    values: Floats = np.asarray(hits.any(1), np.float64)
    return values


def reciprocal_rank(hits: Hits) -> Floats:
    """MRR@k: the reciprocal rank of the first relevant item, 0 without one."""
    first = hits.argmax(1).astype(np.float64)
    return np.where(hits.any(1), 1 / (first + 1), 0.0)


def average_precision(hits: Hits, relevant: Counts) -> Floats:
    """MAP@k: the sum of the precision at each relevant item, over min(k, relevant)."""
    precision = np.cumsum(hits, 1) / np.arange(1, hits.shape[1] + 1)
    values: Floats = (precision * hits).sum(1) / np.minimum(relevant, hits.shape[1])
    return values


def debiased_ndcg(lists: Lists, hits: Hits, targets: IntArray, starts: Counts, gains: Floats) -> float:
    """NDCG@k with given gains of items, such as lower ones for popular items: Σ_users DCG / Σ_users IDCG.

    With gains of 1/propensity this is the self-normalised estimator of Yang et al. 2018 (Unbiased offline recommender
    evaluation for missing-not-at-random implicit feedback). It is normalised over all users together, as in Swaminathan
    and Joachims 2015, because a user with one target, normalised alone, would have the plain NDCG.

    Args:
        lists: Lists of the users.
        hits: Relevant slots of the lists.
        targets: Relevant items, user by user.
        starts: Offsets: the targets of the n-th user are `targets[starts[n]:starts[n + 1]]`.
        gains: Gain of each item.
    """
    of_slots = discounts(hits.shape[1])
    gain = (np.where(hits, gains[lists], 0) @ of_slots).sum()
    user = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    best = gains[targets][np.lexsort((-gains[targets], user))]
    rank = np.arange(len(targets)) - starts[user]
    within = rank < len(of_slots)
    possible = (best[within] * of_slots[rank[within]]).sum()
    return float(gain / possible) if possible else 0.0


def summary(hits: Hits, relevant: Counts, lists: Lists, recommendable: NDArray[np.bool_]) -> dict[str, float]:
    """Returns accuracy and coverage of one model, as means over users; names have @10 for any length of list.

    Args:
        hits: Relevant slots of its lists.
        relevant: Number of relevant items of each user.
        lists: Lists, users × slots, rows of items, padded with -1.
        recommendable: Availability of items, bool of shape (items,). Coverage is the share of them in any list.
    """
    values = {
        "ndcg@10": ndcg(hits, relevant),
        "recall@10": recall(hits, relevant),
        "hr@10": hit_rate(hits),
        "mrr@10": reciprocal_rank(hits),
        "map@10": average_precision(hits, relevant),
    }
    shown = len(np.unique(lists[lists >= 0])) / max(int(recommendable.sum()), 1)
    return {
        **{name: round(float(of_users.mean()), 6) for name, of_users in values.items()},
        "coverage@10": round(shown, 6),
    }


def discounts(slots: int) -> Floats:
    """Returns the discount of each rank: 1 / log2(1 + rank) (Järvelin and Kekäläinen 2002)."""
    values: Floats = 1 / np.log2(np.arange(2, slots + 2))
    return values
