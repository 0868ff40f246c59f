"""Kernel ridge regression from texts to collaborative scores.

EASE gives denoised scores X B of warm items; 0.1 X is added to them. The kernel over texts, with K0 = Φ Φᵀ,
K = K0 + W/2 · (e^(3 K0/W) - 1)/(e³ - 1) + 0.1, extends these scores to all items by similarity to warm items w:
X (B + 0.1 I) (K_ww + D)⁻¹ K_w·, D = 30 / √p̄ · (p_i/p̄ + 0.02)^0.2. The regression is solved twice: Φ first has text
features, then their predicted profiles too (`predicted_profiles`). The result is one matrix, so a score is a sum over
events.

Saunders, Gammerman and Vovk 1998, "Ridge Regression Learning Algorithm in Dual Variables".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models import ease
from chatrec.models.base import Model, event_contributions, once, positions_among, product, uniform
from chatrec.models.predicted_profiles import behaviour_profiles, predict_profiles
from chatrec.models.training_data import TrainingData

ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Config:
    """Parameters of the kernel and of the regression, and limits of the catalogue's size."""

    reads_texts: bool = True
    """Whether the kernel has text vectors beside features."""
    ease_config: ease.Config = field(default_factory=lambda: ease.Config(l2=150.0))
    """Config of the EASE whose scores are extended."""
    own_weight: float = 0.1
    """Weight of an event for its own item, which is zero in EASE."""
    noise: float = 30.0
    """Scale of the noise D, divided by the root of the mean number of events of a warm item."""
    sharpness: float = 3.0
    """Exponent of the kernel's exponential part."""
    texts_weight: float = 0.75
    """Weight of inner products of text vectors, relative to those of features."""
    predicted_weight: float = 1.0
    """Weight of inner products of predicted profiles, relative to all else together."""
    predicted_rank: int = 128
    """Dimensions of predicted profiles."""
    predicted_shrinkage: float = 10.0
    """Weight of the mean variance when the dimensions of profiles are scaled, see `predict_profiles`."""
    max_cells: int = 300_000_000
    """Limit of warm items × all items, each of which takes 4 bytes."""
    max_items_without_texts: int = 6_000
    """Limit of warm items for the kernel without text vectors, above which it costs more than it gains."""

    def suits(self, warm_items: int, items: int) -> bool:
        """Returns whether a catalogue has warm items and is small enough.

        Args:
            warm_items: Number of items with events.
            items: Number of all items.
        """
        return 0 < min(warm_items, self.ease_config.max_items) * items <= self.max_cells


DEFAULT = Config()


def kernel(features: csr_matrix, vectors: Array, weight: float, sharpness: float, rows: Array) -> Array:
    """Returns K of some items with all items, rows × items, float32.

    Args:
        features: Φ, items × features.
        vectors: Text vectors, items × dimensions, scaled by the root of their weight.
        weight: W, the largest K0.
        sharpness: Exponent of the exponential part, 3 in the formula above.
        rows: Rows of the items.
    """
    others = features.T.tocsc()
    similar = np.empty((len(rows), features.shape[0]), np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        plain = np.asarray((features[part] @ others).todense(), np.float32)
        plain += vectors[part] @ vectors.T
        sharp = np.expm1(plain * np.float32(sharpness / weight))
        sharp *= np.float32(weight / 2 / np.expm1(sharpness))
        sharp += plain
        sharp += np.float32(0.1)
        similar[start : start + ROWS_AT_ONCE] = sharp
    return similar


@dataclass(frozen=True)
class KernelRidge(Model):
    """Weights from fitted items to all items."""

    weights: Array
    """W, fitted items × items, float32."""
    fitted_items: Array
    """Rows of the fitted items, int32, in ascending order: warm items, at most `ease_config.max_items` of them."""

    def score(self, batch: UserBatch) -> Array:
        """Returns x W."""
        return product(batch.distinct(uniform)[:, self.fitted_items], self.weights)

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns W[event, item]."""
        rows = positions_among(self.fitted_items, once(latest))
        return event_contributions(self.weights, uniform(ages), rows, items)


@dataclass(frozen=True)
class Targets:
    """Targets of the regression. They do not depend on texts."""

    fitted_items: Array
    """Rows of the fitted items, int32, in ascending order."""
    weights: Array
    """B + 0.1 I, fitted items × fitted items."""
    noise: Array
    """The diagonal of D."""
    profiles: Array
    """Behaviour profiles, fitted items × rank, see `behaviour_profiles`."""

    @classmethod
    def of(cls, data: TrainingData, config: Config = DEFAULT) -> "Targets":
        """Returns the targets of the warm items that EASE is fitted on; all other items are handled as cold."""
        fitted = ease.fit(data, config.ease_config)
        events = np.bincount(data.histories.items, minlength=data.items)[fitted.fitted_items]
        warm = np.flatnonzero(events)
        items, weights = fitted.fitted_items[warm], fitted.weights[np.ix_(warm, warm)]
        weights[np.diag_indices(len(warm))] += config.own_weight
        mean = events[warm].mean()
        noise = config.noise / mean**0.5 * (events[warm] / mean + 0.02) ** 0.2
        profiles = behaviour_profiles(data.matrix[:, items], weights, config.predicted_rank)
        return cls(items, weights, noise, profiles)


def fit_all(data: TrainingData, configs: Mapping[str, Config]) -> dict[str, KernelRidge]:
    """Computes the targets once, for configs that differ only in `reads_texts`."""
    targets = Targets.of(data, next(iter(configs.values())))
    return {name: _fit_to(targets, data, config) for name, config in configs.items()}


def fit(data: TrainingData, config: Config = DEFAULT) -> KernelRidge:
    """Fits the regression from the texts of warm items to their scores."""
    return _fit_to(Targets.of(data, config), data, config)


def _fit_to(targets: Targets, data: TrainingData, config: Config) -> KernelRidge:
    features, fitted_items = data.features, targets.fitted_items
    vectors = (data.texts if config.reads_texts else data.without_texts) * np.float32(config.texts_weight**0.5)
    weight = features.weight + float(np.square(vectors).sum(1).max(initial=0))
    similar = kernel(features.joined, vectors, weight, config.sharpness, fitted_items)
    predicted = predict_profiles(
        similar,
        fitted_items,
        _factor(similar[:, fitted_items], targets.noise),
        targets.profiles,
        config.predicted_shrinkage,
    )
    vectors = np.hstack([vectors, predicted * np.float32((config.predicted_weight * weight) ** 0.5)])
    similar = kernel(features.joined, vectors, weight * (1 + config.predicted_weight), config.sharpness, fitted_items)
    weights = cho_solve((_factor(similar[:, fitted_items], targets.noise), True), targets.weights.T).T
    return KernelRidge(weights @ similar, fitted_items)


def _factor(between: Array, noise: Array) -> Array:
    """Returns the lower L of K_ww + D = L Lᵀ; overwrites `between`."""
    between[np.diag_indices(len(between))] += noise
    factor: Array = cholesky(between.T, lower=True, overwrite_a=True, check_finite=False)
    return factor
