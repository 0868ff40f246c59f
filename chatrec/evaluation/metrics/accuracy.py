"""How well lists predict: from which places of a list hold what the user really took.

`hits` is bool, users × places, the best place first; `relevant` is how many items each user took. Values are per user,
so that two systems can be compared user by user.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
Lists = NDArray[np.integer]
"""Users × places, rows of items, the best place first, padded with -1."""


def ndcg(hits: Hits, relevant: Counts) -> Floats:
    """NDCG@k with binary gains (Järvelin and Kekäläinen 2002): Σ 1/log2(place + 1) over the best that is possible."""
    of_places = discounts(hits.shape[1])
    best = np.concatenate([[0.0], np.cumsum(of_places)])[np.minimum(relevant, hits.shape[1])]
    found: Floats = hits @ of_places / best
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


def debiased_ndcg(lists: Lists, hits: Hits, targets: NDArray[np.integer], starts: Counts, gains: Floats) -> float:
    """NDCG@k where what everybody takes counts less: Σ_users DCG / Σ_users IDCG, an item's gain being given.

    With gains of 1/propensity this is the self-normalised estimate of Yang et al. 2018 (Unbiased offline recommender
    evaluation for missing-not-at-random implicit feedback). It is normalised over all users at once, as Swaminathan
    and Joachims 2015 do it: a user with one target, normalised alone, would have the plain NDCG.

    Args:
        lists: of the users.
        hits: of the lists.
        targets: what the users took, user after user.
        starts: the targets of the n-th user are `targets[starts[n]:starts[n + 1]]`.
        gains: of each item.
    """
    of_places = discounts(hits.shape[1])
    found = (np.where(hits, gains[lists], 0) @ of_places).sum()
    user = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    best = gains[targets][np.lexsort((-gains[targets], user))]
    place = np.arange(len(targets)) - starts[user]
    within = place < len(of_places)
    possible = (best[within] * of_places[place[within]]).sum()
    return float(found / possible) if possible else 0.0


def summary(hits: Hits, relevant: Counts, lists: Lists, recommendable: NDArray[np.bool_]) -> dict[str, float]:
    """How well the lists of one system predict, means over users; the names say @10 whatever the length of the lists.

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


def discounts(places: int) -> Floats:
    """How much attention each place gets: 1 / log2(1 + rank) (Järvelin and Kekäläinen 2002)."""
    found: Floats = 1 / np.log2(np.arange(2, places + 2))
    return found
