"""Sequential EASE: ridge regression of the next item on histories with several decays.

x_a = Σ a^age e_item for each decay a (a = 0 is the newest event alone). Over all prefixes of all histories,
B = (G + λI)^-1 R with R_a = Σ_k a^(k-1) N_k and G_ab = D + C_a + C_bᵀ. In C_a = Σ_{k≥1} a^k N_k, a pair of events with
m events after the later one is counted (1 - (ab)^m) / (1 - ab) times; D is the same sum at k = 0. Prefixes are never
materialised. score = Σ_a x_a B_a.

The linear model is that of Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data", with the next item as its
target in place of the history itself (cf. Choi et al. 2021, "Session-aware Linear Item-Item Models for Session-based
Recommendation").
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import NEGLIGIBLE, UserBatch
from chatrec.models.base import Model, decaying, event_contributions, product
from chatrec.models.cooccurrence import lagged
from chatrec.models.training_data import TrainingData


@dataclass(frozen=True)
class Config:
    """Parameters of the regression. A log of few events uses fewer decays and a smaller penalty."""

    decays: tuple[float, ...] = (0.0, 0.6, 0.9)
    """Values of a."""
    l2: float = 300.0
    """Penalty λ."""
    few_events: int = 300_000
    """Number of events below which `decays_of_few` and `l2_of_few` are used."""
    decays_of_few: tuple[float, ...] = (0.5, 0.9)
    l2_of_few: float = 100.0
    max_items: int = 5_000
    """Largest catalogue that is fitted; (3 · items)³ operations take 20 s at this size."""


DEFAULT = Config()


@dataclass(frozen=True)
class SequentialEase(Model):
    """One matrix of weights per decay."""

    decays: tuple[float, ...]
    weights: Array
    """B, decays × items × items, float32."""

    def score(self, batch: UserBatch) -> Array:
        """Returns Σ_a x_a B_a."""
        return sum(  # type: ignore[return-value]
            product(batch.weighted(decaying(decay)), weights)
            for decay, weights in zip(self.decays, self.weights, strict=True)
        )

    def contributions(self, latest: Array, items: Array) -> Array:
        """Returns Σ_a a^age B_a[event, item]."""
        return sum(  # type: ignore[return-value]
            event_contributions(weights, decaying(decay)(np.arange(latest.shape[1])), latest, items)
            for decay, weights in zip(self.decays, self.weights, strict=True)
        )


def fit(data: TrainingData, config: Config = DEFAULT) -> SequentialEase:
    """Solves the regression. Time grows with (decays × items)³, memory with (decays × items)²."""
    histories, items = data.histories, data.items
    few = len(histories.items) < config.few_events
    decays, penalty = (config.decays_of_few, config.l2_of_few) if few else (config.decays, config.l2)
    gram, targets = _sums(histories, items, decays)
    gram[np.diag_indices_from(gram)] += penalty
    factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    weights = cho_solve(factor, targets, overwrite_b=True, check_finite=False)
    return SequentialEase(decays, np.ascontiguousarray(weights, np.float32).reshape(len(decays), items, items))


def _sums(histories: Interactions, items: int, decays: tuple[float, ...]) -> tuple[Array, Array]:
    """Returns G and R."""
    size = len(decays) * items
    gram, targets = np.zeros((size, size), np.float32), np.zeros((size, items), np.float32)
    parts = [slice(row * items, (row + 1) * items) for row in range(len(decays))]
    left = histories.starts[histories.event_users + 1] - 1 - np.arange(len(histories.items))
    for row, a in enumerate(decays):
        for column, b in enumerate(decays):
            own = np.bincount(histories.items, _repeats(a * b, left), items)
            block = gram[parts[row], parts[column]]
            block[np.diag_indices(items)] += own
    for lag in range(1, _lags(max(decays)) + 1):
        earlier, later, after = lagged(histories, lag)
        keys = earlier.astype(np.int64) * items + later
        for row, a in enumerate(decays):
            if a ** (lag - 1) >= NEGLIGIBLE:
                targets[parts[row]] += a ** (lag - 1) * _counts(keys, None, items)
            if a**lag >= NEGLIGIBLE:
                for column, b in enumerate(decays):
                    pairs = a**lag * _counts(keys, _repeats(a * b, after), items)
                    gram[parts[row], parts[column]] += pairs
                    gram[parts[column], parts[row]] += pairs.T
    return gram, targets


def _lags(decay: float) -> int:
    """Returns the largest lag for which decay^lag is not negligible."""
    return int(np.log(NEGLIGIBLE) / np.log(decay)) + 1


def _repeats(ab: float, after: Array) -> Array:
    """Returns Σ_{j<m} (ab)^j for m = after."""
    repeats: Array = (1 - np.power(ab, after)) / (1 - ab)
    return repeats


def _counts(keys: Array, weights: Array | None, items: int) -> Array:
    return np.bincount(keys, weights, items * items).reshape(items, items).astype(np.float32)
