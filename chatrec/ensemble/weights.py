"""Selection and weights of the models of a run, fitted on held-out events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.ensemble.candidates import PADDING, RETRIEVED, best_items, retrieve
from chatrec.ensemble.log_shares import ScoredLogShares
from chatrec.ensemble.logit import Choices, fit_weights, log_likelihoods
from chatrec.evaluation.holdout import Holdout, K
from chatrec.evaluation.metrics import paired_difference
from chatrec.models.base import Model

FOLDS, FOLDS_OF_FEW = 2, 10
"""Number of folds, and that of few held-out users, from whom little should be withheld."""
SURE = 0.5
"""Confidence level of the interval of a gain. It is low because an unnecessary model costs only time, while a missing
one costs quality, most where few users are held out."""
NO_GAIN = (0.0, 0.0, 0.0)
FEW_ROWS = 500
"""Number of held-out users below which no model is dropped: the prior is a better guess than their gains."""
Prior = Mapping[str, float]
PRIOR: Prior = MappingProxyType(
    {
        "popularity": 0.1,
        "popularity_in_groups": 0.05,
        "item_knn": 0.3,
        "ease_decay_0.95": 0.5,
        "kernel_ridge": 0.5,
    }
)
"""Weights without evidence, and their place where few users are held out; others are 0. Chosen on public data of 60 to
800 users, where each alone and their equal sum were behind on some."""
NO_PRIOR: Prior = MappingProxyType({})


@dataclass(frozen=True)
class EnsembleWeights:
    """Weights of the selected models."""

    weights: Mapping[str, float]
    gains: Mapping[str, tuple[float, float, float]]
    """Gain of every model that was tried: the decrease of a user's log-likelihood without it, with its interval; for a
    dropped model, at the time it was dropped."""


@dataclass(frozen=True)
class HoldoutFeatures:
    """Held-out users with their candidates. A user who is held out in several windows has a row for each."""

    names: list[str]
    users: IntArray
    """User of each row."""
    items: IntArray
    """Items, rows × candidates."""
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
        return cls(list(models), holdout.users, items, Choices(features, items >= 0, chosen))

    @classmethod
    def joined(cls, windows: Sequence["HoldoutFeatures"]) -> "HoldoutFeatures":
        """Joins the features of several windows, which have the same models."""
        width = max(window.items.shape[1] for window in windows)
        users = np.concatenate([window.users for window in windows])
        items = np.concatenate([_wider(window.items, width, PADDING) for window in windows])
        features = np.concatenate([_wider(window.choices.features, width, 0) for window in windows])
        chosen = np.concatenate([_wider(window.choices.chosen, width, 0) for window in windows])
        return cls(windows[0].names, users, items, Choices(features, items >= 0, chosen))

    def __len__(self) -> int:
        return len(self.users)

    def lists(self, weights: Mapping[str, float], k: int = K) -> IntArray:
        """Returns the lists of all rows under given weights, rows × k, padded with -1."""
        return self.best(weights, np.arange(len(self)), k)[0]

    def best(self, weights: Mapping[str, float], rows: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        """Returns the best candidates of some rows and their scores; see `candidates.best_items`."""
        vector = np.array([weights.get(name, 0.0) for name in self.names], np.float32)
        return best_items(self.items[rows], self.choices.features[rows], vector, k)


def fit_ensemble_weights(features: HoldoutFeatures, seed: int, prior: Prior = PRIOR) -> EnsembleWeights:
    """Fits the weights and drops models, the weakest first, whose gain is not significantly above zero.

    Args:
        features: Features of the held-out users.
        seed: Seed of the bootstrap.
        prior: Weights without evidence. With a prior and few users no model is dropped.
    """
    rows = np.arange(len(features))
    names, gains = list(features.names), dict.fromkeys(features.names, NO_GAIN)
    while True:
        weights, with_all = _fit(features, rows, names, prior)
        names = [name for name, weight in zip(names, weights, strict=True) if weight > 0] or names[:1]
        if len(names) == 1:
            return EnsembleWeights({names[0]: 1.0}, gains)
        if prior and len(rows) < FEW_ROWS:
            kept = weights[weights > 0].tolist()
            return EnsembleWeights(dict(zip(names, kept, strict=True)), gains)
        tried = {name: _gain(features, rows, [n for n in names if n != name], with_all, seed, prior) for name in names}
        gains.update(tried)
        weakest = min(names, key=lambda name: tried[name][1])
        if tried[weakest][1] > 0:
            kept = weights[weights > 0].tolist()
            return EnsembleWeights(dict(zip(names, kept, strict=True)), gains)
        names.remove(weakest)


def cross_fitted(features: HoldoutFeatures, seed: int, k: int = K, prior: Prior = PRIOR) -> tuple[IntArray, FloatArray]:
    """Returns the best candidates of all held-out users, each under weights fitted on other users.

    Args:
        features: Features of the held-out users.
        seed: Seed of the folds.
        k: Maximum number of candidates per row.
        prior: Weights without evidence.

    Returns:
        Items and their scores, rows × candidates, the best first; PADDING and -inf for padding.
    """
    people, person = np.unique(features.users, return_inverse=True)
    folds = FOLDS_OF_FEW if len(features) < FEW_ROWS else FOLDS
    fold = (np.random.default_rng(seed).permutation(len(people)) % folds)[person]
    shape = len(features), min(k, features.items.shape[1])
    items, scores = np.full(shape, PADDING, np.int32), np.full(shape, -np.inf)
    for number in range(folds):
        weights, _ = _fit(features, np.flatnonzero(fold != number), features.names, prior)
        rows = np.flatnonzero(fold == number)
        fitted = dict(zip(features.names, weights.tolist(), strict=True))
        items[rows], scores[rows] = features.best(fitted, rows, k)
    return items, scores


def _fit(features: HoldoutFeatures, rows: IntArray, names: list[str], prior: Prior) -> tuple[Array, Array]:
    """Returns the weights, and the log-likelihood of each row.

    Rows with no relevant candidate are skipped: no weights would show them a relevant item, and a likelihood that
    includes such misses favours flat probabilities over a good ranking.
    """
    taught = rows[features.choices.chosen[rows].any(1)]
    choices = features.choices.of(taught, [features.names.index(name) for name in names])
    weights = fit_weights(choices, prior_of(names, prior))
    return weights, log_likelihoods(choices, weights)


def prior_of(names: Sequence[str], prior: Prior = PRIOR) -> FloatArray | None:
    """Returns the weights of models without evidence; None without a prior."""
    return np.array([prior.get(name, 0.0) for name in names]) if prior else None


def _gain(
    features: HoldoutFeatures, rows: IntArray, others: list[str], with_all: Array, seed: int, prior: Prior
) -> tuple[float, float, float]:
    _, without = _fit(features, rows, others, prior)
    return paired_difference(with_all, without, seed, SURE)


def _wider(array: Array, width: int, fill: float) -> Array:
    padding = [(0, 0), (0, width - array.shape[1])] + [(0, 0)] * (array.ndim - 2)
    return np.pad(array, padding, constant_values=fill)
