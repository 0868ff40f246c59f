"""Selection and weights of the models of a run, fitted on held-out events."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.ensemble.candidates import PADDING, RETRIEVED, best_items, retrieve
from chatrec.ensemble.log_shares import ScoredLogShares
from chatrec.ensemble.logit import Choices, fit_weights, log_likelihoods
from chatrec.evaluation.holdout import Holdout, K
from chatrec.evaluation.metrics import paired_difference
from chatrec.models.base import Model

FOLDS = 2
SURE = 0.5
"""Confidence level of the interval of a gain. It is low because an unnecessary model costs only time, while a missing
one costs quality, most where few users are held out."""
NO_GAIN = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class EnsembleWeights:
    """Weights of the selected models."""

    weights: Mapping[str, float]
    gains: Mapping[str, tuple[float, float, float]]
    """Gain of every model that was tried: the decrease of a user's log-likelihood without it, with its interval; for a
    dropped model, at the time it was dropped."""


@dataclass(frozen=True)
class HoldoutFeatures:
    """Held-out users with their candidates."""

    names: list[str]
    items: IntArray
    """Items, users × candidates."""
    choices: Choices

    @classmethod
    def of(cls, models: Mapping[str, Model], holdout: Holdout) -> "HoldoutFeatures":
        """Retrieves the candidates of all held-out users."""
        parts = [
            retrieve([ScoredLogShares.of(model, batch) for model in models.values()], batch, RETRIEVED)
            for batch in holdout.batches()
        ]
        width = max((part.items.shape[1] for part in parts), default=1)
        items = np.concatenate([_wider(part.items, width, PADDING) for part in parts])
        features = np.concatenate([_wider(part.log_shares, width, 0) for part in parts])
        chosen = holdout.hits(items).astype(np.float32)
        chosen /= np.maximum(chosen.sum(1, keepdims=True), 1)
        return cls(list(models), items, Choices(features, items >= 0, chosen))

    def lists(self, weights: Mapping[str, float], users: IntArray) -> Array:
        """Returns the lists of some users, users × K, padded with -1."""
        vector = np.array([weights.get(name, 0.0) for name in self.names], np.float32)
        return best_items(self.items[users], self.choices.features[users], vector, K)[0]


def fit_ensemble_weights(features: HoldoutFeatures, users: IntArray, seed: int) -> EnsembleWeights:
    """Fits the weights and drops models, the weakest first, whose gain is not significantly above zero.

    Args:
        features: Features of the held-out users.
        users: Rows of the users to fit on.
        seed: Seed of the bootstrap.
    """
    names, gains = list(features.names), dict.fromkeys(features.names, NO_GAIN)
    while True:
        weights, with_all = _fit(features, users, names)
        names = [name for name, weight in zip(names, weights, strict=True) if weight > 0] or names[:1]
        if len(names) == 1:
            return EnsembleWeights({names[0]: 1.0}, gains)
        tried = {name: _gain(features, users, [n for n in names if n != name], with_all, seed) for name in names}
        gains.update(tried)
        weakest = min(names, key=lambda name: tried[name][1])
        if tried[weakest][1] > 0:
            kept = weights[weights > 0].tolist()
            return EnsembleWeights(dict(zip(names, kept, strict=True)), gains)
        names.remove(weakest)


def cross_fitted_lists(features: HoldoutFeatures, seed: int) -> Array:
    """Returns cross-fitted lists of all held-out users, users × K, padded with -1; see `cross_fitted`."""
    return cross_fitted(features, seed, K)[0]


def cross_fitted(features: HoldoutFeatures, seed: int, k: int) -> tuple[IntArray, FloatArray]:
    """Returns the best candidates of all held-out users, each under weights fitted on other users.

    Args:
        features: Features of the held-out users.
        seed: Seed of the folds.
        k: Maximum number of candidates per user.

    Returns:
        Items and their scores, users × candidates, the best first; PADDING and -inf for padding.
    """
    fold = np.random.default_rng(seed).permutation(len(features.items)) % FOLDS
    shape = len(features.items), min(k, features.items.shape[1])
    items, scores = np.full(shape, PADDING, np.int32), np.full(shape, -np.inf)
    for number in range(FOLDS):
        weights, _ = _fit(features, np.flatnonzero(fold != number), features.names)
        users = np.flatnonzero(fold == number)
        items[users], scores[users] = best_items(
            features.items[users], features.choices.features[users], weights.astype(np.float32), k
        )
    return items, scores


def _fit(features: HoldoutFeatures, users: IntArray, names: list[str]) -> tuple[Array, Array]:
    """Returns the weights, and the log-likelihood of each user.

    Users with no relevant candidate are skipped: no weights would show them a relevant item, and a likelihood that
    includes such misses favours flat probabilities over a good ranking.
    """
    taught = users[features.choices.chosen[users].any(1)]
    choices = features.choices.of(taught, [features.names.index(name) for name in names])
    weights = fit_weights(choices)
    return weights, log_likelihoods(choices, weights)


def _gain(
    features: HoldoutFeatures, users: IntArray, others: list[str], with_all: Array, seed: int
) -> tuple[float, float, float]:
    _, without = _fit(features, users, others)
    return paired_difference(with_all, without, seed, SURE)


def _wider(array: Array, width: int, fill: float) -> Array:
    padding = [(0, 0), (0, width - array.shape[1])] + [(0, 0)] * (array.ndim - 2)
    return np.pad(array, padding, constant_values=fill)
