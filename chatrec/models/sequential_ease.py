"""An order-aware EASE: the next item regressed on histories that fade at three speeds.

x_a = Σ a^age e_item for a in FADES (a = 0 is the newest event alone). Over all prefixes of all histories
B = (G + λI)^-1 R with R_a = Σ_k a^(k-1) N_k and G_ab = D + C_a + C_bᵀ; C_a = Σ_{k≥1} a^k N_k, where a pair counts
(1 - (ab)^m) / (1 - ab) with m events after its later item, and D is the same at k = 0. No prefix is ever written out.
score = Σ_a x_a B_a.
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
    """How the regression is solved; a log of few events gets fewer weights and a smaller penalty."""

    decays: tuple[float, ...] = (0.0, 0.6, 0.9)
    l2: float = 300.0
    """λ."""
    few_events: int = 300_000
    """Fewer events than this are few."""
    decays_of_few: tuple[float, ...] = (0.5, 0.9)
    l2_of_few: float = 100.0
    max_items: int = 5_000
    """More are not fitted: (3 · items)³ operations take 20 s there."""


DEFAULT = Config()


@dataclass(frozen=True)
class Ridge(Model):
    """One matrix of weights for each fade."""

    fades: tuple[float, ...]
    weights: Array
    """fades × items × items, float32."""

    def score(self, batch: UserBatch) -> Array:
        """Σ_a x_a B_a."""
        return sum(  # type: ignore[return-value]
            product(batch.weighted(decaying(decay)), weights)
            for decay, weights in zip(self.fades, self.weights, strict=True)
        )

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model."""
        return sum(  # type: ignore[return-value]
            event_contributions(weights, decaying(decay)(np.arange(latest.shape[1])), latest, items)
            for decay, weights in zip(self.fades, self.weights, strict=True)
        )


def fit(data: TrainingData, config: Config = DEFAULT) -> Ridge:
    """Solves the regression; time goes with (fades × items)³, memory with its square."""
    histories, items = data.histories, data.items
    few = len(histories.items) < config.few_events
    fades, penalty = (config.decays_of_few, config.l2_of_few) if few else (config.decays, config.l2)
    gram, targets = _sums(histories, items, fades)
    gram[np.diag_indices_from(gram)] += penalty
    factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    weights = cho_solve(factor, targets, overwrite_b=True, check_finite=False)
    return Ridge(fades, np.ascontiguousarray(weights, np.float32).reshape(len(fades), items, items))


def _sums(histories: Interactions, items: int, fades: tuple[float, ...]) -> tuple[Array, Array]:
    """G and R."""
    size = len(fades) * items
    gram, targets = np.zeros((size, size), np.float32), np.zeros((size, items), np.float32)
    parts = [slice(place * items, (place + 1) * items) for place in range(len(fades))]
    left = np.diff(histories.starts)[histories.event_users] - 1 - _places(histories)
    for row, a in enumerate(fades):
        for column, b in enumerate(fades):
            own = np.bincount(histories.items, _repeats(a * b, left), items)
            block = gram[parts[row], parts[column]]
            block[np.diag_indices(items)] += own
    for lag in range(1, _lags(max(fades)) + 1):
        earlier, later, after = lagged(histories, lag)
        keys = earlier.astype(np.int64) * items + later
        for row, a in enumerate(fades):
            if a ** (lag - 1) >= NEGLIGIBLE:
                targets[parts[row]] += a ** (lag - 1) * _counts(keys, None, items)
            if a**lag >= NEGLIGIBLE:
                for column, b in enumerate(fades):
                    pairs = a**lag * _counts(keys, _repeats(a * b, after), items)
                    gram[parts[row], parts[column]] += pairs
                    gram[parts[column], parts[row]] += pairs.T
    return gram, targets


def _lags(decay: float) -> int:
    """Up to which lag fade^lag is not negligible."""
    return int(np.log(NEGLIGIBLE) / np.log(decay)) + 1


def _repeats(product_of_fades: float, after: Array) -> Array:
    """Σ_{j<m} (ab)^j for m = after."""
    repeats: Array = (1 - np.power(product_of_fades, after)) / (1 - product_of_fades)
    return repeats


def _counts(keys: Array, weights: Array | None, items: int) -> Array:
    return np.bincount(keys, weights, items * items).reshape(items, items).astype(np.float32)


def _places(histories: Interactions) -> Array:
    places: Array = np.arange(len(histories.items)) - histories.starts[histories.event_users]
    return places
