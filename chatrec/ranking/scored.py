"""The best candidates of a batch of users, with how likely each is and which channel says so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array, log_softmax
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import GATHERED, NOBODY, NONE, Candidates, gather, scores_of
from chatrec.ensemble.log_shares import Evidence
from chatrec.ranking.rules.rules import Rules

NO_RULES = Rules()
SLACK = 2
"""Known and new items are chosen apart and then together: caps are to leave a choice."""


@dataclass(frozen=True)
class ScoredCandidates:
    """users × places, the best first."""

    items: Array
    """Rows of items, padded with -1."""
    scores: Array
    """log P over everything that was gathered, and what rules add; -inf for padding."""
    shares: Array
    """users × places × channels: what part of the score each gives."""

    def at(self, columns: Array) -> "ScoredCandidates":
        """Some of the places in another order: users × columns, -1 for padding."""
        there, columns = columns >= 0, np.maximum(columns, 0)
        return ScoredCandidates(
            np.where(there, np.take_along_axis(self.items, columns, 1), NOBODY),
            np.where(there, np.take_along_axis(self.scores, columns, 1), -np.inf),
            np.take_along_axis(self.shares, columns[:, :, None], 1),
        )


def rate(
    evidence: Sequence[Evidence],
    weights: Array,
    batch: UserBatch,
    n: int,
    rules: Rules = NO_RULES,
    suggested: Array = NONE,
) -> ScoredCandidates:
    """Lets channels gather, and keeps the n best; under rules also what is pinned, and only what caps let in.

    Args:
        evidence: of the channels.
        weights: of the same, float32.
        batch: of users.
        n: places.
        rules: what they add to scores, and what they pin.
        suggested: rows of items that are candidates of everybody.
    """
    found = gather(evidence, batch, max(GATHERED, n), suggested)
    scores, added = scores_of(found.items, found.log_shares, weights), rules.factors_of(found.items)
    if rules.shape_lists:
        places = rules.columns(found.items, scores + added, n, slack=SLACK)
    else:
        places = np.argsort(-(scores + added), axis=1, kind="stable")[:, :n]
    there, places = places >= 0, np.maximum(places, 0)
    items = np.where(there, np.take_along_axis(found.items, places, 1), NOBODY)
    said = np.where(there, np.take_along_axis(log_softmax(scores) + added, places, 1), -np.inf)
    return ScoredCandidates(items, said, _shares(found, places, weights))


def beside(known: ScoredCandidates, new: ScoredCandidates, share: float) -> ScoredCandidates:
    """Known items and new ones behind them, with scores that can be compared.

    Args:
        known: of items with events.
        new: of items without, with the same channels.
        share: the chance that an event is of a new item.
    """
    return ScoredCandidates(
        np.hstack([known.items, new.items]),
        np.hstack([known.scores + np.log1p(-share), new.scores + np.log(share)]),
        np.concatenate([known.shares, new.shares], 1),
    )


def _shares(found: Candidates, places: Array, weights: Array) -> Array:
    """What part of a row's score each channel gives: w (l - floor) over its sum, users × places × channels."""
    l = np.take_along_axis(found.log_shares, places[:, :, None], 1)  # noqa: E741
    parts = np.maximum(l - found.floors[:, None, :], 0) * weights
    total = parts.sum(2, keepdims=True)
    shares: Array = np.where(total > 0, parts / np.where(total > 0, total, 1), 0).astype(np.float32)
    return shares
