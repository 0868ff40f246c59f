"""Sequential EASE: ridge regression of the next item on histories with several decays.

x_a = Σ a^age e_item for each decay a (a = 0 is the newest basket alone; an age is the number of newer events). Each
event is a target once: with a share of 1/n, n the size of its basket, it follows what came before the basket, else also
the n - 1 others of its basket. B = (G + λI)^-1 R, with the sums of squares G and of products with targets R of these
observations. score = Σ_a x_a B_a.

Observations are never materialised. With n the size of the later basket and g the number of events between the two, a
pair of events adds a^g (1 + (n - 1) a^(n-1)) / n to R_a, and a^g (a^n r_ab + a^(n-1) (n - 1)² / n) to G_ab and its
transpose to G_ba. Within a basket it adds (n - 1) / n and r_ab + (n - 1) (n - 2) / n, an event with itself r_ab +
(n - 1)² / n. r_ab = Σ_t (ab)^k (1 + (m - 1) (ab)^(m-1)) over the later basket and those after it that have a next, of
size m, with k the number of events after the later basket up to t. Without ties R_a = Σ_k a^(k-1) N_k.

The linear model is that of Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data", with the next item as its
target in place of the history itself (cf. Choi et al. 2021, "Session-aware Linear Item-Item Models for Session-based
Recommendation").
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.signal import lfilter

from chatrec.data.arrays import Array
from chatrec.data.user_batch import NEGLIGIBLE, UserBatch
from chatrec.models.base import Model, decaying, event_contributions, product
from chatrec.models.cooccurrence import Baskets
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

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns Σ_a a^age B_a[event, item]."""
        return sum(  # type: ignore[return-value]
            event_contributions(weights, decaying(decay)(ages), latest, items)
            for decay, weights in zip(self.decays, self.weights, strict=True)
        )


def fit(data: TrainingData, config: Config = DEFAULT) -> SequentialEase:
    """Solves the regression. Time grows with (decays × items)³, memory with (decays × items)²."""
    items = data.items
    few = len(data.histories.items) < config.few_events
    decays, penalty = (config.decays_of_few, config.l2_of_few) if few else (config.decays, config.l2)
    gram, targets = _sums(Baskets.of(data.histories), items, decays)
    gram[np.diag_indices_from(gram)] += penalty
    factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    weights = cho_solve(factor, targets, overwrite_b=True, check_finite=False)
    return SequentialEase(decays, np.ascontiguousarray(weights, np.float32).reshape(len(decays), items, items))


def _sums(baskets: Baskets, items: int, decays: tuple[float, ...]) -> tuple[Array, Array]:
    """Returns G and R."""
    size, histories = len(decays) * items, baskets.histories
    gram, targets = np.zeros((size, size), np.float32), np.zeros((size, items), np.float32)
    parts = [slice(row * items, (row + 1) * items) for row in range(len(decays))]
    n = baskets.sizes
    repeats = {(a, b): _repeats(a * b, baskets) for a in decays for b in decays}
    for row, a in enumerate(decays):
        for column, b in enumerate(decays):
            own = np.bincount(histories.items, (repeats[a, b] + (n - 1) ** 2 / n)[histories.baskets], items)
            block = gram[parts[row], parts[column]]
            block[np.diag_indices(items)] += own
    lags = _lags(max(decays))
    for lag in range(lags + 1):
        for earlier, later, between in baskets.pairs(lag, lags):
            keys = histories.items[earlier].astype(np.int64) * items + histories.items[later]
            of = histories.baskets[later]
            for row, a in enumerate(decays):
                if lag and a ** (lag - 1) < NEGLIGIBLE:
                    continue
                age = a**between
                weights = (age * (1 + (n - 1) * a ** (n - 1.0))[of] if lag else n[of] - 1) / n[of]
                targets[parts[row]] += _counts(keys, weights, items)
                for column, b in enumerate(decays):
                    weights = (repeats[a, b] + (n - 1) * (n - 2) / n)[of]
                    if lag:
                        weights = age * (a**n * repeats[a, b] + (n - 1) ** 2 / n * a ** (n - 1.0))[of]
                    pairs = _counts(keys, weights, items)
                    gram[parts[row], parts[column]] += pairs
                    if lag:
                        gram[parts[column], parts[row]] += pairs.T
    return gram, targets


def _lags(decay: float) -> int:
    """Returns the largest lag for which decay^lag is not negligible."""
    return int(np.log(NEGLIGIBLE) / np.log(decay)) + 1


def _repeats(ab: float, baskets: Baskets) -> Array:
    """Returns r_ab of each basket."""
    histories, n, last = baskets.histories, baskets.sizes, baskets.ends - 1
    of_next = np.append((1 + (n - 1) * ab ** (n - 1.0))[1:], 0)[: len(n)]
    weights = np.zeros(len(histories.items))
    weights[last] = np.where(histories.ages[last] > 0, of_next, 0)
    sums = np.append(lfilter([1.0], [1.0, -ab], weights[::-1])[::-1], 0.0)  # over the events of all later users, too
    left = histories.ages[last] + 1
    repeats: Array = sums[last] - np.power(ab, left) * sums[last + left]
    return repeats


def _counts(keys: Array, weights: Array, items: int) -> Array:
    return np.bincount(keys, weights, items * items).reshape(items, items).astype(np.float32)
