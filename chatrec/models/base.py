"""Base classes of models: a model is fitted on histories and scores all items for any history, seen in training or not.

The module of a model has a frozen dataclass `Config`, whose defaults are used in runs, and a function
`fit(data, config)` that returns the model, a frozen dataclass of arrays, numbers and tuples, which `serialization`
saves.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch

DENSE_FROM = 0.02
"""Share of non-zero entries above which a dense product is faster."""


class Model(ABC):
    """A fitted model."""

    log_probabilities: ClassVar[bool] = False
    """Whether scores are log-probabilities, up to a constant per user; otherwise they are shares, up to a factor."""

    @abstractmethod
    def score(self, batch: UserBatch) -> Array:
        """Returns the scores, users × items, float32; higher is better.

        Without `log_probabilities`, a score of 0 or less means no evidence for the item.
        """

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array | None:
        """Returns the contribution of each of the latest events to the scores of some items.

        Contributions sum to the score of a user with events; with `log_probabilities`, up to a factor per user and a
        constant per item.

        Args:
            latest: Items of the latest events, users × events, newest first, padded with -1.
            ages: Ages of these events, users × events; see `Interactions.ages`.
            items: Scored items, users × slots.

        Returns:
            Contributions, users × slots × events; None if the score is not a sum over events.
        """
        return None


class VectorModel(Model):
    """A model that ranks by inner products."""

    @property
    @abstractmethod
    def keys(self) -> Array:
        """Item vectors, items × width, float32."""

    @abstractmethod
    def queries(self, batch: UserBatch) -> Array:
        """Returns the user vectors, users × width, float32."""

    def score(self, batch: UserBatch) -> Array:
        """Returns the inner products of queries and keys."""
        scores: Array = self.queries(batch) @ self.keys.T
        return scores


def uniform(ages: Array) -> Array:
    """Returns weight 1 for all ages."""
    return np.ones(ages.shape)


def harmonic(ages: Array) -> Array:
    """Returns 1 / (age + 1); events of the newest basket have age 0."""
    weights: Array = 1 / (ages + 1)
    return weights


def decaying(decay: float) -> Callable[[Array], Array]:
    """Returns the function age → decay^age."""
    return lambda ages: np.power(decay, ages)


def positions_among(ordered: Array, items: Array) -> Array:
    """Returns the position of each item in an ordered array; -1 if it is not in the array."""
    positions = np.minimum(np.searchsorted(ordered, items), len(ordered) - 1)
    return np.where(ordered[positions] == items, positions, -1)


def once(latest: Array) -> Array:
    """Returns the items of the latest events, users × events, newest first, with -1 where a newer one has the item."""
    order = np.argsort(latest, axis=1, kind="stable")
    ordered = np.take_along_axis(latest, order, 1)
    repeats = np.zeros(latest.shape, bool)
    np.put_along_axis(repeats, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], 1)
    return np.where(repeats, -1, latest)


def product(histories: csr_matrix, weights: Array | csr_matrix) -> Array:
    """Returns users × items times items × items, computed sparse or dense, whichever is faster."""
    if not isinstance(weights, np.ndarray):
        return np.asarray((histories @ weights).todense())
    if histories.nnz > DENSE_FROM * np.prod(histories.shape):
        return np.asarray(histories.toarray() @ weights)
    return np.asarray(histories @ weights)


def event_contributions(weights: Array | csr_matrix, age_weights: Array, latest: Array, items: Array) -> Array:
    """Returns the contributions of events to the score Σ_events weight(age) · W[event, item].

    Args:
        weights: W, items × items.
        age_weights: Weight of each event by its age, users × events.
        latest: Items of the latest events, users × events, newest first, padded with -1.
        items: Scored items, users × slots.

    Returns:
        Contributions, users × slots × events.
    """
    rows, columns = np.broadcast_arrays(latest[:, None, :], items[:, :, None])
    values = np.asarray(weights[np.maximum(rows, 0).ravel(), np.maximum(columns, 0).ravel()]).reshape(rows.shape)
    contributions: Array = np.where((rows >= 0) & (columns >= 0), values * age_weights[:, None, :], 0)
    return contributions
