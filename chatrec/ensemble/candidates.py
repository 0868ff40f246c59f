"""Candidates: the union of what all channels gather, each with what every channel says of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.log_shares import Evidence

NOBODY = -1
NONE = np.empty(0, np.int32)
GATHERED = 150
"""Candidates that a channel gathers for a user."""


@dataclass(frozen=True)
class Candidates:
    """Of a batch of users."""

    items: Array
    """int32, users × candidates, in the order of the items, padded with -1."""
    log_shares: Array
    """float32, users × candidates × channels."""
    floors: Array
    """float32, users × channels: what a channel says of an item of which it knows nothing."""


def gather(evidence: Sequence[Evidence], batch: UserBatch, k: int, suggested: Array = NONE) -> Candidates:
    """Lets every channel gather, and asks all of them about everything gathered.

    Args:
        evidence: of the channels, in the order of the last axis.
        batch: of users.
        k: how many items each channel gathers.
        suggested: rows of items that are candidates of everybody.
    """
    same = np.broadcast_to(suggested, (len(batch.users), len(suggested)))
    items = _union(np.hstack([*(each.gathered(k) for each in evidence), same]), batch)
    log_shares = np.stack([each.log_shares(np.maximum(items, 0)) for each in evidence], axis=2)
    log_shares[items < 0] = 0
    floors = np.stack([each.floor for each in evidence], axis=1)
    return Candidates(items, log_shares.astype(np.float32), floors.astype(np.float32))


def best_places(items: Array, log_shares: Array, weights: Array, k: int) -> tuple[Array, Array]:
    """What a blend ranks first.

    Args:
        items: users × candidates, padded with -1.
        log_shares: users × candidates × channels.
        weights: of the channels, float32.
        k: at most so many places of a list.

    Returns:
        Columns of the best candidates, users × places, and the scores of all, -inf for padding.
    """
    scores = scores_of(items, log_shares, weights)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k], scores


def scores_of(items: Array, log_shares: Array, weights: Array) -> Array:
    """What a blend says of candidates, -inf for padding; see `best_places`."""
    return np.where(items >= 0, log_shares @ weights, -np.inf)


def _union(gathered: Array, batch: UserBatch) -> Array:
    """Each item once in a row; without what a list may not have."""
    rows = np.arange(len(gathered))[:, None]
    items = np.sort(
        np.where(batch.exclude_mask[rows, gathered] | (gathered < 0), np.iinfo(np.int32).max, gathered), axis=1
    )
    again = np.zeros(items.shape, bool)
    again[:, 1:] = items[:, 1:] == items[:, :-1]
    items = np.sort(np.where(again, np.iinfo(np.int32).max, items), axis=1)
    items = np.where(items == np.iinfo(np.int32).max, NOBODY, items)
    return items[:, : max(1, int((items >= 0).sum(1).max(initial=0)))].astype(np.int32)
