"""What one channel says about a batch of users, as logarithms of shares of the items that their lists may have."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from chatrec.data.arrays import Array, log_sum, top_k
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model

FLOOR = 0.3
"""Nothing known of an item counts as this share of an equal share."""


class Evidence(Protocol):
    """What a channel says about a batch: l, the logarithm of an item's share, comparable between channels."""

    def gathered(self, k: int) -> Array:
        """The best k items of each user, users × k; what a list may not have, or -1, only where there is no more."""

    def log_shares(self, items: Array) -> Array:
        """l of some items: users × places. What a list may not have gets no meaningful value."""

    @property
    def floor(self) -> Array:
        """l of an item of which nothing is known, for each user."""


@dataclass(frozen=True)
class ScoredEvidence:
    """Scores of all items, made comparable between channels.

    l = log(s / Σ s + .3 / n) over the n items that a list may have, s ≥ 0; for logits their log-softmax.
    """

    scores: Array
    """users × items; what a list may not have is negative, or -inf among logits."""
    total: Array
    """The sum of scores, or the log-sum-exp of logits, for each user."""
    possible: Array
    """How many items a list may have, for each user."""
    logits: bool

    @classmethod
    def of(cls, channel: Model, batch: UserBatch) -> "ScoredEvidence":
        """The channel's evidence on a batch."""
        possible = np.maximum((~batch.exclude_mask).sum(1), 1)
        scores = channel.score(batch)
        if channel.log_probabilities:
            scores = np.where(batch.exclude_mask, -np.inf, scores)
            return cls(scores, log_sum(scores)[:, 0], possible, True)
        scores = np.where(batch.exclude_mask, 0, np.maximum(scores, 0))
        total = np.maximum(scores.sum(1), np.finfo(np.float32).tiny)
        return cls(np.where(batch.exclude_mask, -1, scores), total, possible, False)

    def gathered(self, k: int) -> Array:
        """See Evidence."""
        return top_k(self.scores, k)

    def log_shares(self, items: Array) -> Array:
        """See Evidence."""
        found: Array = np.take_along_axis(self.scores, items.astype(np.int64), 1)
        if self.logits:
            found = found - self.total[:, None]
        else:
            found = np.log(np.maximum(found, 0) / self.total[:, None] + (FLOOR / self.possible)[:, None])
        return found

    @property
    def floor(self) -> Array:
        """See Evidence."""
        return floor_of(self.possible)


def floor_of(possible: Array) -> Array:
    """l of an item of which nothing is known, where a list may have so many."""
    floor: Array = np.log(FLOOR / possible)
    return floor
