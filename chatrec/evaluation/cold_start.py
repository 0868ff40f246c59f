"""Pseudo-cold items, to measure the value of a text encoder for cold items.

The choice depends only on item ids and the seed, so it is the same in every run: items hidden from the training of one
encoder version stay hidden from the next.
"""

import hashlib
from collections.abc import Iterable

import numpy as np

from chatrec.data.arrays import Array, BoolArray, FloatArray
from chatrec.data.user_batch import UserBatch
from chatrec.evaluation import metrics
from chatrec.evaluation.holdout import Holdout

SHARE = 0.1


def pseudo_cold(ids: Iterable[object], seed: int) -> Array:
    """Chooses a tenth of the items, bool of shape (items,).

    Args:
        ids: Ids of the items.
        seed: Seed of the choice.
    """
    digests = b"".join(hashlib.blake2b(f"{seed} {item}".encode(), digest_size=8).digest() for item in ids)
    chosen: BoolArray = np.frombuffer(digests, np.uint64) < SHARE * 2.0**64
    return chosen


def neighbour_ndcg(holdout: Holdout, vectors: FloatArray) -> metrics.Floats:
    """Returns NDCG@10 of each user for the items nearest to the mean text vector of the history.

    Args:
        holdout: Holdout made by `hold_items_out`.
        vectors: Text vectors of all items, items × dimensions, of unit length.
    """

    def score(batch: UserBatch) -> Array:
        scores: FloatArray = batch.weighted(np.ones_like) @ vectors @ vectors.T
        return scores

    return holdout.ndcg(score)
