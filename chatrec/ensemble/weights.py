"""Which channels a night's lists use, and how much each weighs: what the held-out events say."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.ensemble.candidates import GATHERED, NOBODY, best_places, gather
from chatrec.ensemble.log_shares import ScoredEvidence
from chatrec.ensemble.logit import Choices, fit_weights, log_likelihoods
from chatrec.evaluation.holdout import Holdout, K
from chatrec.evaluation.metrics import paired_difference
from chatrec.models.base import Model

FOLDS = 2
SURE = 0.5
"""Of the interval of a gain: a needless channel costs time, a lost one costs quality, most where few are held out."""
NO_GAIN = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class EnsembleWeights:
    """The weights of the channels that stay."""

    weights: Mapping[str, float]
    gains: Mapping[str, tuple[float, float, float]]
    """Of every channel that was tried: by how much a user's log-likelihood falls without it, with its interval; for a
    channel that was dropped, when it was."""


@dataclass(frozen=True)
class HoldoutFeatures:
    """The held-out users with their candidates."""

    names: list[str]
    items: Array
    """users × candidates."""
    choices: Choices

    @classmethod
    def of(cls, channels: Mapping[str, Model], holdout: Holdout) -> "HoldoutFeatures":
        """Gathers the candidates of all held-out users."""
        parts = [
            gather([ScoredEvidence.of(channel, batch) for channel in channels.values()], batch, GATHERED)
            for batch in holdout.batches()
        ]
        width = max((found.items.shape[1] for found in parts), default=1)
        items = np.concatenate([_wider(found.items, width, NOBODY) for found in parts])
        features = np.concatenate([_wider(found.log_shares, width, 0) for found in parts])
        chosen = holdout.hits(items).astype(np.float32)
        chosen /= np.maximum(chosen.sum(1, keepdims=True), 1)
        return cls(list(channels), items, Choices(features, items >= 0, chosen))

    def lists(self, weights: Mapping[str, float], users: Array) -> Array:
        """Lists of some users: users × K, padded with -1."""
        vector = np.array([weights.get(name, 0.0) for name in self.names], np.float32)
        items = self.items[users]
        places, _ = best_places(items, self.choices.features[users], vector, K)
        found: Array = np.take_along_axis(items, places, 1)
        return found


def fit_mix(trial: HoldoutFeatures, users: Array, seed: int) -> EnsembleWeights:
    """Weighs the channels and drops, the weakest first, those whose gain is not clear of zero.

    Args:
        trial: of the held-out users.
        users: those of them to learn from.
        seed: of the bootstrap.
    """
    names, gains = list(trial.names), dict.fromkeys(trial.names, NO_GAIN)
    while True:
        weights, with_all = _fit(trial, users, names)
        names = [name for name, weight in zip(names, weights, strict=True) if weight > 0] or names[:1]
        if len(names) == 1:
            return EnsembleWeights({names[0]: 1.0}, gains)
        tried = {name: _gain(trial, users, [n for n in names if n != name], with_all, seed) for name in names}
        gains.update(tried)
        weakest = min(names, key=lambda name: tried[name][1])
        if tried[weakest][1] > 0:
            kept = weights[weights > 0].tolist()
            return EnsembleWeights(dict(zip(names, kept, strict=True)), gains)
        names.remove(weakest)


def cross_fitted_lists(trial: HoldoutFeatures, seed: int) -> Array:
    """Lists of all held-out users: users × K, padded with -1; see `cross_fitted`."""
    return cross_fitted(trial, seed, K)[0]


def cross_fitted(trial: HoldoutFeatures, seed: int, k: int) -> tuple[Array, Array]:
    """The best candidates of all held-out users, each under weights that other users gave.

    Args:
        trial: of the held-out users.
        seed: of the folds.
        k: candidates of each user at most.

    Returns:
        items and their scores, users × candidates, the best first; NOBODY and -inf for padding.
    """
    fold = np.random.default_rng(seed).permutation(len(trial.items)) % FOLDS
    shape = len(trial.items), min(k, trial.items.shape[1])
    items, scores = np.full(shape, NOBODY, np.int32), np.full(shape, -np.inf)
    for number in range(FOLDS):
        weights, _ = _fit(trial, np.flatnonzero(fold != number), trial.names)
        users = np.flatnonzero(fold == number)
        places, said = best_places(trial.items[users], trial.choices.features[users], weights.astype(np.float32), k)
        items[users] = np.take_along_axis(trial.items[users], places, 1)
        scores[users] = np.take_along_axis(said, places, 1)
    return items, scores


def _fit(trial: HoldoutFeatures, users: Array, names: list[str]) -> tuple[Array, Array]:
    """The weights, and the log-likelihood of each user.

    Who took nothing that was gathered says nothing: no weights would show it to them, and a likelihood that counts such
    misses learns to be unsure instead of learning to rank.
    """
    taught = users[trial.choices.chosen[users].any(1)]
    choices = trial.choices.of(taught, [trial.names.index(name) for name in names])
    weights = fit_weights(choices)
    return weights, log_likelihoods(choices, weights)


def _gain(
    trial: HoldoutFeatures, users: Array, others: list[str], with_all: Array, seed: int
) -> tuple[float, float, float]:
    _, without = _fit(trial, users, others)
    return paired_difference(with_all, without, seed, SURE)


def _wider(array: Array, width: int, fill: float) -> Array:
    padding = [(0, 0), (0, width - array.shape[1])] + [(0, 0)] * (array.ndim - 2)
    return np.pad(array, padding, constant_values=fill)
