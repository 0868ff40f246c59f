"""Explanation of one item of a user's list: the share of each model, and the events that contribute to it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.log_shares import LogShares, ScoredLogShares
from chatrec.models.base import Model
from chatrec.ranking.recommender import EVENTS_OF_A_REASON, Recommender


@dataclass(frozen=True)
class Explanation:
    """Evidence of one model for one item."""

    source: str
    share: float
    """Share of the model in the score, from 0 to 1."""
    events: Mapping[int, float]
    """Items of the history and their part of the share, the largest first; empty if the score is no sum over events."""


def explain(recommender: Recommender, user: int, item: int) -> list[Explanation]:
    """Explains an item, as the lists of a run do: the largest share first, without models that have none.

    Args:
        recommender: Recommender of the run.
        user: Row of a user with a history.
        item: Row of an item that the user's list may contain.
    """
    users, is_cold = np.array([user]), bool(recommender.cold[item])
    known = recommender.recommendable & ~recommender.cold
    cold = recommender.new if recommender.new[item] else recommender.dead
    batch = recommender.batch(users, cold if is_cold else known)
    weights = recommender.ensemble.cold.weights if is_cold else recommender.ensemble.weights
    log_shares: list[LogShares] = (
        [ScoredLogShares.of(recommender.ensemble.cold.models[name], batch) for name in weights]
        if is_cold
        else recommender.log_shares(batch, recommender.aigc.queries(batch))
    )
    candidate = np.array([[item]])
    parts = np.array([max(float(model.log_shares(candidate)[0, 0] - model.floor[0]), 0) for model in log_shares])
    parts *= np.array(list(weights.values()))
    shares = parts / max(parts.sum(), np.finfo(np.float64).tiny)
    order = np.argsort(-shares, kind="stable")
    names = list(weights)
    return [
        Explanation(
            names[n], float(shares[n]), _events(recommender.models[names[n]], batch, candidate, float(shares[n]))
        )
        for n in order
        if shares[n] > 0
    ]


def _events(model: Model, batch: UserBatch, item: Array, share: float) -> dict[int, float]:
    latest = batch.histories.latest(batch.users, EVENTS_OF_A_REASON)
    ages = batch.histories.latest_ages(batch.users, EVENTS_OF_A_REASON)
    added = model.contributions(latest, ages, item)
    if added is None:
        return {}
    positive = np.where(latest[0] >= 0, np.maximum(added[0, 0], 0), 0)
    if not positive.sum():
        return {}
    items, position = np.unique(latest[0], return_inverse=True)
    of_items = np.bincount(position, positive) * share / positive.sum()
    order = np.argsort(-of_items, kind="stable")
    return {int(items[n]): float(of_items[n]) for n in order if of_items[n] > 0}
