"""Log shares: scores of one model for a batch of users, normalised over the items that their lists may contain."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray, log_sum, top_k
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model

FLOOR = 0.3
"""Smoothing: an item without evidence gets this fraction of the uniform probability."""


class LogShares(Protocol):
    """Log shares of a model for a batch: l, the logarithm of an item's share, comparable between models."""

    def retrieve(self, k: int) -> IntArray:
        """Returns the best k items of each user, users × k. Excluded items, or -1, appear only if there are no more."""

    def log_shares(self, items: IntArray) -> FloatArray:
        """Returns l of the given items, users × slots. Values of excluded items are not meaningful."""

    @property
    def floor(self) -> FloatArray:
        """Returns l of an item without evidence, for each user."""


@dataclass(frozen=True)
class ScoredLogShares:
    """Log shares from the scores of all items.

    l = log(s / Σ s + .3 / n) over the n items that a list may contain, with s ≥ 0; for logits their log-softmax.
    """

    scores: FloatArray
    """Scores, users × items; excluded items are negative, or -inf among logits."""
    total: FloatArray
    """Sum of scores, or log-sum-exp of logits, for each user."""
    possible: IntArray
    """Number of items that a list may contain, for each user."""
    logits: bool

    @classmethod
    def of(cls, model: Model, batch: UserBatch) -> "ScoredLogShares":
        """Computes the log shares of a model for a batch."""
        possible = np.maximum((~batch.exclude_mask).sum(1), 1)
        scores = model.score(batch)
        if model.log_probabilities:
            scores = np.where(batch.exclude_mask, -np.inf, scores)
            return cls(scores, log_sum(scores)[:, 0], possible, True)
        scores = np.where(batch.exclude_mask, 0, np.maximum(scores, 0))
        total = np.maximum(scores.sum(1), np.finfo(np.float32).tiny)
        return cls(np.where(batch.exclude_mask, -np.inf, scores), total, possible, False)

    def retrieve(self, k: int) -> IntArray:
        """Implements `LogShares`."""
        return top_k(self.scores, k)

    def log_shares(self, items: IntArray) -> FloatArray:
        """Implements `LogShares`."""
        values: FloatArray = np.take_along_axis(self.scores, items.astype(np.int64), 1)
        if self.logits:
            values = values - self.total[:, None]
        else:
            values = np.log(np.maximum(values, 0) / self.total[:, None] + (FLOOR / self.possible)[:, None])
        return values

    @property
    def floor(self) -> FloatArray:
        """Implements `LogShares`."""
        return floor_of(self.possible)


def floor_of(possible: IntArray) -> Array:
    """Returns l of an item without evidence, given the number of items that a list may contain."""
    floor: FloatArray = np.log(FLOOR / possible)
    return floor
