"""The base of all models: a model is fitted on histories and scores all items for any history, old or new.

The module of a model has a frozen dataclass `Config`, whose defaults are what runs use, and a function
`fit(data, config)` that returns the model, a frozen dataclass of arrays, numbers and tuples: `serialization` keeps it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch

DENSE_FROM = 0.02
"""Rows with a larger share of entries are multiplied faster as dense ones."""


class Model(ABC):
    """A fitted model."""

    log_probabilities: ClassVar[bool] = False
    """Whether scores are logarithms of shares, up to a constant a user; else they are shares, up to a factor."""

    @abstractmethod
    def score(self, batch: UserBatch) -> Array:
        """users × items, float32, higher is better.

        Without `log_probabilities`, a score of 0 or less says that nothing is known of the item.
        """

    def contributions(self, latest: Array, items: Array) -> Array | None:
        """What each of the latest events adds to the scores of some items.

        Their sum is the score; for `log_probabilities` up to a factor a user and a constant an item.

        Args:
            latest: users × events, rows of items, the newest first, padded with -1.
            items: users × places, rows of items.

        Returns:
            users × places × events; None if a score is not a sum over events.
        """
        return None


class VectorModel(Model):
    """A model that ranks by inner products."""

    @property
    @abstractmethod
    def keys(self) -> Array:
        """items × width, float32."""

    @abstractmethod
    def queries(self, batch: UserBatch) -> Array:
        """users × width, float32."""

    def score(self, batch: UserBatch) -> Array:
        """The inner products of queries and keys."""
        scores: Array = self.queries(batch) @ self.keys.T
        return scores


def uniform(ages: Array) -> Array:
    """Every event weighs 1."""
    return np.ones(len(ages))


def harmonic(ages: Array) -> Array:
    """1 / (age + 1)."""
    weights: Array = 1 / (ages + 1)
    return weights


def decaying(decay: float) -> Callable[[Array], Array]:
    """decay^age."""
    return lambda ages: np.power(decay, ages)


def positions_among(known: Array, items: Array) -> Array:
    """Where items are among known ones, which are ordered; -1 for the others."""
    positions = np.minimum(np.searchsorted(known, items), len(known) - 1)
    return np.where(known[positions] == items, positions, -1)


def product(histories: csr_matrix, weights: Array | csr_matrix) -> Array:
    """users × items times items × items, the faster way."""
    if not isinstance(weights, np.ndarray):
        return np.asarray((histories @ weights).todense())
    if histories.nnz > DENSE_FROM * np.prod(histories.shape):
        return np.asarray(histories.toarray() @ weights)
    return np.asarray(histories @ weights)


def event_contributions(weights: Array | csr_matrix, of_ages: Array, latest: Array, items: Array) -> Array:
    """What events add where a score is Σ_events weight(age) · W[event, item].

    Args:
        weights: W, items × items.
        of_ages: the weight of each age, `latest.shape[1]` long.
        latest: users × events, the newest first, padded with -1.
        items: users × places.

    Returns:
        users × places × events.
    """
    rows, columns = np.broadcast_arrays(latest[:, None, :], items[:, :, None])
    values = np.asarray(weights[np.maximum(rows, 0).ravel(), np.maximum(columns, 0).ravel()]).reshape(rows.shape)
    added: Array = np.where((rows >= 0) & (columns >= 0), values * of_ages, 0)
    return added
