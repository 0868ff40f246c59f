"""Items that are treated as if they were new, to measure what a text encoder is worth for those that are.

Which items these are depends on their ids and the seed alone, so it is the same every week: what an encoder was never
shown on the way to one version it was not shown on the way to the next.
"""

import hashlib
from collections.abc import Iterable

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.evaluation import metrics
from chatrec.evaluation.holdout import Holdout

SHARE = 0.1


def pseudo_cold(ids: Iterable[object], seed: int) -> Array:
    """Chooses a tenth of the items; bool for each.

    Args:
        ids: of the items.
        seed: of the choice.
    """
    digests = b"".join(hashlib.blake2b(f"{seed} {each}".encode(), digest_size=8).digest() for each in ids)
    chosen: Array = np.frombuffer(digests, np.uint64) < SHARE * 2.0**64
    return chosen


def neighbour_ndcg(holdout: Holdout, vectors: Array) -> metrics.Floats:
    """NDCG@10 of each user for lists of the items nearest to the mean text vector of what the user took.

    Args:
        holdout: by `hold_items_out`.
        vectors: of all items: items × dimensions, of unit length.
    """

    def score(batch: UserBatch) -> Array:
        scores: Array = batch.weighted(np.ones_like) @ vectors @ vectors.T
        return scores

    return holdout.ndcg(score)
