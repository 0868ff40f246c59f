"""From texts to behaviour by kernel ridge regression.

EASE says how much every user would like every known item, noise removed: X B; what was taken counts a little more. A
kernel over texts, K = K0 + W/2 · (e^(3 K0/W) - 1)/(e³ - 1) + 0.1 with K0 = Φ Φᵀ, carries these columns over to items
that resemble the known ones: X (B + 0.1 I) (K_ww + D)⁻¹ K_w·, D = 30 / √p̄ · (p_i/p̄ + 0.02)^0.2 (ridge regression in
dual variables, Saunders, Gammerman and Vovk 1998). That is done twice: Φ has features of texts first, then what these
foretell of who takes an item too. All of it is one matrix, so a score is a sum over events.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.features.catalogue import Features
from chatrec.models import ease
from chatrec.models.base import event_contributions, places_among, product, uniform
from chatrec.models.predicted_profiles import behaviours, foretold

CELLS_UP_TO = 300_000_000
"""Known items × all items: memory goes with them, 4 bytes each."""
TWICE_UP_TO = 6_000
"""Items with events: above, a kernel without the language model's vectors costs more than it brings."""
PENALTY = 150.0
"""Of EASE."""
OF_TAKEN = 0.1
"""What an event says of its own item, which EASE leaves out."""
NOISE = 30.0
"""Over the root of the mean events of a known item: the more of them, the less noise is in columns."""
SHARPNESS = 3.0
OF_VECTORS = 0.75
"""What the inner product of two vectors of a language model counts beside those of features."""
OF_FORETOLD = 1.0
"""What that of two foretold behaviours counts beside all else together."""
ROWS_AT_ONCE = 1_000


def kernel(features: csr_matrix, vectors: Array, weight: float, rows: Array) -> Array:
    """K of some items with all: rows × items, float32.

    Args:
        features: Φ, items × features.
        vectors: of a language model, items × dimensions, scaled by the root of what they weigh.
        weight: W, the largest K0.
        rows: which items.
    """
    others = features.T.tocsc()
    found = np.empty((len(rows), features.shape[0]), np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        plain = np.asarray((features[part] @ others).todense(), np.float32)
        plain += vectors[part] @ vectors.T
        sharp = np.expm1(plain * np.float32(SHARPNESS / weight))
        sharp *= np.float32(weight / 2 / np.expm1(SHARPNESS))
        sharp += plain
        sharp += np.float32(0.1)
        found[start : start + ROWS_AT_ONCE] = sharp
    return found


def suits(taken: int, items: int) -> bool:
    """Whether a catalogue is small enough.

    Args:
        taken: items with events, of which EASE knows EXACT_UP_TO at most.
        items: all.
    """
    return 0 < min(taken, ease.EXACT_UP_TO) * items <= CELLS_UP_TO


@dataclass(frozen=True)
class Kernel:
    """What each known item says of all items."""

    weights: Array
    """known × items, float32."""
    known: Array
    """int32, ordered: the items with events, of very many those that were taken most."""

    log_probabilities = False

    def score(self, batch: UserBatch) -> Array:
        """x W."""
        return product(batch.weighted(uniform)[:, self.known], self.weights)

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model."""
        rows = places_among(self.known, latest)
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
    """Who would take each of them, see `behaviours`."""

    @classmethod
    def of(cls, histories: Interactions, items: int) -> "Targets":
        """Of the items with events that EASE knows; all others are as good as new."""
        fitted = ease.fit(histories, items, PENALTY)
        taken = np.bincount(histories.items, minlength=items)[fitted.known]
        places = np.flatnonzero(taken)
        known, wanted = fitted.known[places], fitted.weights[np.ix_(places, places)]
        wanted[np.diag_indices(len(places))] += OF_TAKEN
        mean = taken[places].mean()
        noise = NOISE / mean**0.5 * (taken[places] / mean + 0.02) ** 0.2
        users, rows = histories.distinct(items)
        among = csr_matrix((np.ones(len(users), np.float32), (users, rows)), shape=(histories.users, items))[:, known]
        return cls(known, wanted, noise, behaviours(among, wanted))


def fit(targets: Targets, features: Features, vectors: Array) -> Kernel:
    """Carries what is known of some items over to all.

    Args:
        targets: of the known items.
        features: of all items.
        vectors: of a language model, items × dimensions, of unit length.
    """
    known, vectors = targets.known, vectors * np.float32(OF_VECTORS**0.5)
    weight = features.weight + float(np.square(vectors).sum(1).max(initial=0))
    similar = kernel(features.joined, vectors, weight, known)
    told = foretold(similar, known, _factor(similar[:, known], targets.noise), targets.behaviours)
    vectors = np.hstack([vectors, told * np.float32((OF_FORETOLD * weight) ** 0.5)])
    similar = kernel(features.joined, vectors, weight * (1 + OF_FORETOLD), known)
    carried = cho_solve((_factor(similar[:, known], targets.noise), True), targets.wanted.T).T
    return Kernel(carried @ similar, known)


def _factor(between: Array, noise: Array) -> Array:
    """L of K_ww + D = L Lᵀ, lower; `between` is used up."""
    between[np.diag_indices(len(between))] += noise
    factor: Array = cholesky(between.T, lower=True, overwrite_a=True, check_finite=False)
    return factor
