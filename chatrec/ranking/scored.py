"""Best candidates of a batch of users with their scores and the share of each model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray, log_softmax, take, top_k
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import NONE, PADDING, RETRIEVED, Candidates, retrieve, scores_of
from chatrec.ensemble.log_shares import LogShares
from chatrec.ranking.rules.rules import Rules

NO_RULES = Rules()
SLACK = 2
"""Multiple of the caps in the first selection: known and cold items are selected apart, then merged under the caps."""


@dataclass(frozen=True)
class ScoredCandidates:
    """Scored candidates, users × slots, the best first."""

    items: IntArray
    """Rows of items, padded with -1."""
    scores: FloatArray
    """log P over all retrieved items, plus the factors of rules; -inf for padding."""
    shares: FloatArray
    """Share of each model in the score, users × slots × models."""

    def at(self, columns: IntArray) -> "ScoredCandidates":
        """Selects and reorders slots.

        Args:
            columns: Slots to keep, users × columns, -1 for padding.
        """
        return ScoredCandidates(
            take(self.items, columns, PADDING),
            take(self.scores, columns, -np.inf),
            np.take_along_axis(self.shares, np.maximum(columns, 0)[:, :, None], 1),
        )

    def beside(self, others: "ScoredCandidates") -> "ScoredCandidates":
        """Concatenates two sets of candidates, scored by the same models."""
        return ScoredCandidates(
            np.hstack([self.items, others.items]),
            np.hstack([self.scores, others.scores]),
            np.concatenate([self.shares, others.shares], 1),
        )

    def worse(self, by: float) -> "ScoredCandidates":
        """Lowers all scores."""
        return replace(self, scores=self.scores - np.float32(by))


def scored_candidates(
    log_shares: Sequence[LogShares],
    weights: FloatArray,
    batch: UserBatch,
    n: int,
    rules: Rules = NO_RULES,
    extra: IntArray = NONE,
) -> ScoredCandidates:
    """Retrieves candidates from the models and keeps the n best, subject to pins and caps.

    Args:
        log_shares: Log shares of the models.
        weights: Weights of the same models, float32.
        batch: Batch of users.
        n: Number of slots.
        rules: Rules with factors, pins and caps.
        extra: Rows of items that are candidates of all users.
    """
    candidates = retrieve(log_shares, batch, max(RETRIEVED, n), extra)
    scores, added = scores_of(candidates.items, candidates.log_shares, weights), rules.factors_of(candidates.items)
    if rules.shape_lists:
        slots = rules.columns(candidates.items, scores + added, n, slack=SLACK)
    else:
        slots = top_k(scores + added, n, stable=True)
    items = take(candidates.items, slots, PADDING)
    log_probabilities = take(log_softmax(scores) + added, slots, -np.inf)
    return ScoredCandidates(items, log_probabilities, _shares(candidates, np.maximum(slots, 0), weights))


def concatenated(warm: ScoredCandidates, new: ScoredCandidates, share: float) -> ScoredCandidates:
    """Concatenates warm and new items on a common scale of scores.

    Args:
        warm: Scored items with events.
        new: Scored new items, with the same models.
        share: Probability that an event is of a new item.
    """
    return warm.worse(-np.log1p(-share)).beside(new.worse(-np.log(share)))


def _shares(candidates: Candidates, slots: IntArray, weights: FloatArray) -> Array:
    """Returns the share of each model in a row's score: w (l - floor) over its sum, users × slots × models."""
    l = np.take_along_axis(candidates.log_shares, slots[:, :, None], 1)  # noqa: E741
    parts = np.maximum(l - candidates.floors[:, None, :], 0) * weights
    total = parts.sum(2, keepdims=True)
    shares: FloatArray = np.where(total > 0, parts / np.where(total > 0, total, 1), 0).astype(np.float32)
    return shares
