"""Candidates: the union of the items that the models retrieve, with the log shares of every model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray, take, top_k
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.log_shares import LogShares

PADDING = -1
NONE = np.empty(0, np.int32)
RETRIEVED = 150
"""Number of candidates that a model retrieves per user."""


@dataclass(frozen=True)
class Candidates:
    """Candidates of a batch of users."""

    items: IntArray
    """Items as int32, users × candidates, in ascending order, padded with -1."""
    log_shares: FloatArray
    """Log shares as float32, users × candidates × models."""
    floors: FloatArray
    """Floors as float32, users × models: the log share of an item without evidence."""


def retrieve(models: Sequence[LogShares], batch: UserBatch, k: int, extra: IntArray = NONE) -> Candidates:
    """Retrieves candidates from every model and computes the log shares of all models.

    Args:
        models: Log shares of the models, in the order of the last axis.
        batch: Batch of users.
        k: Number of items that each model retrieves.
        extra: Rows of items that are candidates of all users.
    """
    same = np.broadcast_to(extra, (len(batch.users), len(extra)))
    items = _union(np.hstack([*(model.retrieve(k) for model in models), same]), batch)
    log_shares = np.stack([model.log_shares(np.maximum(items, 0)) for model in models], axis=2)
    log_shares[items < 0] = 0
    floors = np.stack([model.floor for model in models], axis=1)
    return Candidates(items, log_shares.astype(np.float32), floors.astype(np.float32))


def best_items(items: IntArray, log_shares: FloatArray, weights: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """Ranks candidates by the ensemble score.

    Args:
        items: Items, users × candidates, padded with -1.
        log_shares: Log shares, users × candidates × models.
        weights: Weights of the models, float32.
        k: Maximum number of items per user.

    Returns:
        The best candidates and their scores, users × at most k; PADDING and -inf for padding.
    """
    scores = scores_of(items, log_shares, weights)
    columns = top_k(scores, k, stable=True)
    return take(items, columns, PADDING), take(scores, columns, -np.inf)


def scores_of(items: IntArray, log_shares: FloatArray, weights: FloatArray) -> Array:
    """Returns the ensemble scores of candidates, -inf for padding; see `best_items`."""
    return np.where(items >= 0, log_shares @ weights, -np.inf)


def _union(retrieved: IntArray, batch: UserBatch) -> Array:
    """Returns each item once per row, without excluded items."""
    rows = np.arange(len(retrieved))[:, None]
    items = np.sort(
        np.where(batch.exclude_mask[rows, retrieved] | (retrieved < 0), np.iinfo(np.int32).max, retrieved), axis=1
    )
    again = np.zeros(items.shape, bool)
    again[:, 1:] = items[:, 1:] == items[:, :-1]
    items = np.sort(np.where(again, np.iinfo(np.int32).max, items), axis=1)
    items = np.where(items == np.iinfo(np.int32).max, PADDING, items)
    return items[:, : max(1, int((items >= 0).sum(1).max(initial=0)))].astype(np.int32)
