"""From texts to behaviour by kernel ridge regression.

EASE says how much every user would like every known item, noise removed: X B; what was taken counts a little more. A
kernel over texts, K = K0 + W/2 · (e^(3 K0/W) - 1)/(e³ - 1) + 0.1 with K0 = Φ Φᵀ, carries these columns over to items
that resemble the known ones: X (B + 0.1 I) (K_ww + D)⁻¹ K_w·, D = 30 / √p̄ · (p_i/p̄ + 0.02)^0.2 (ridge regression in
dual variables, Saunders, Gammerman and Vovk 1998). That is done twice: Φ has features of texts first, then what these
foretell of who takes an item too. All of it is one matrix, so a score is a sum over events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models import ease
from chatrec.models.base import Model, event_contributions, positions_among, product, uniform
from chatrec.models.predicted_profiles import behaviour_profiles, predict_profiles
from chatrec.models.training_data import TrainingData

ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Config:
    """How texts are compared, and up to which size of catalogue."""

    reads_texts: bool = True
    """Whether vectors of a language model count beside features."""
    ease_config: ease.Config = field(default_factory=lambda: ease.Config(l2=150.0))
    """What is carried over."""
    own_weight: float = 0.1
    """What an event says of its own item, which EASE leaves out."""
    noise: float = 30.0
    """Over the root of the mean events of a known item: the more of them, the less noise is in columns."""
    sharpness: float = 3.0
    texts_weight: float = 0.75
    """What the inner product of two vectors of a language model counts beside those of features."""
    predicted_weight: float = 1.0
    """What that of two foretold behaviours counts beside all else together."""
    predicted_rank: int = 128
    """Directions of behaviours."""
    predicted_shrinkage: float = 10.0
    """See `predict_profiles`."""
    max_cells: int = 300_000_000
    """Known items × all items: memory goes with them, 4 bytes each."""
    max_items_without_texts: int = 6_000
    """Items with events: above, a kernel without the language model's vectors costs more than it brings."""

    def suits(self, taken: int, items: int) -> bool:
        """Whether a catalogue is small enough.

        Args:
            taken: items with events.
            items: all.
        """
        return 0 < min(taken, self.ease_config.max_items) * items <= self.max_cells


DEFAULT = Config()


def kernel(features: csr_matrix, vectors: Array, weight: float, sharpness: float, rows: Array) -> Array:
    """K of some items with all: rows × items, float32.

    Args:
        features: Φ, items × features.
        vectors: of a language model, items × dimensions, scaled by the root of what they weigh.
        weight: W, the largest K0.
        sharpness: 3 above.
        rows: which items.
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
class Kernel(Model):
    """What each known item says of all items."""

    weights: Array
    """known × items, float32."""
    known: Array
    """int32, ordered: the items with events, of very many those that were taken most."""

    def score(self, batch: UserBatch) -> Array:
        """x W."""
        return product(batch.weighted(uniform)[:, self.known], self.weights)

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model."""
        rows = positions_among(self.known, latest)
        return event_contributions(self.weights, uniform(np.arange(latest.shape[1])), rows, items)


@dataclass(frozen=True)
class Targets:
    """What kernels learn to say of the items that EASE knows; the same whatever texts they see."""

    known: Array
    """int32, ordered: rows of these items."""
    wanted: Array
    """B + 0.1 I of them."""
    noise: Array
    """The diagonal of D."""
    behaviours: Array
    """Who would take each of them, see `behaviour_profiles`."""

    @classmethod
    def of(cls, data: TrainingData, config: Config = DEFAULT) -> "Targets":
        """Of the items with events that EASE knows; all others are as good as new."""
        fitted = ease.fit(data, config.ease_config)
        taken = np.bincount(data.histories.items, minlength=data.items)[fitted.known]
        rows_of_known = np.flatnonzero(taken)
        known, wanted = fitted.known[rows_of_known], fitted.weights[np.ix_(rows_of_known, rows_of_known)]
        wanted[np.diag_indices(len(rows_of_known))] += config.own_weight
        mean = taken[rows_of_known].mean()
        noise = config.noise / mean**0.5 * (taken[rows_of_known] / mean + 0.02) ** 0.2
        return cls(known, wanted, noise, behaviour_profiles(data.matrix[:, known], wanted, config.predicted_rank))


def fit_all(data: TrainingData, configs: Mapping[str, Config]) -> dict[str, Kernel]:
    """Computes the targets once, for configs that differ in `reads_texts` alone."""
    targets = Targets.of(data, next(iter(configs.values())))
    return {name: _carried(targets, data, config) for name, config in configs.items()}


def fit(data: TrainingData, config: Config = DEFAULT) -> Kernel:
    """Carries what is known of some items over to all."""
    return _carried(Targets.of(data, config), data, config)


def _carried(targets: Targets, data: TrainingData, config: Config) -> Kernel:
    features, known = data.features, targets.known
    vectors = (data.texts if config.reads_texts else data.without_texts) * np.float32(config.texts_weight**0.5)
    weight = features.weight + float(np.square(vectors).sum(1).max(initial=0))
    similar = kernel(features.joined, vectors, weight, config.sharpness, known)
    predicted = predict_profiles(
        similar,
        known,
        _factor(similar[:, known], targets.noise),
        targets.behaviours,
        config.predicted_shrinkage,
    )
    vectors = np.hstack([vectors, predicted * np.float32((config.predicted_weight * weight) ** 0.5)])
    similar = kernel(features.joined, vectors, weight * (1 + config.predicted_weight), config.sharpness, known)
    carried = cho_solve((_factor(similar[:, known], targets.noise), True), targets.wanted.T).T
    return Kernel(carried @ similar, known)


def _factor(between: Array, noise: Array) -> Array:
    """L of K_ww + D = L Lᵀ, lower; `between` is used up."""
    between[np.diag_indices(len(between))] += noise
    factor: Array = cholesky(between.T, lower=True, overwrite_a=True, check_finite=False)
    return factor
