"""From texts to behaviour by kernel ridge regression: for dense data.

EASE says how much every user would like every known item, noise removed: X B; what was taken counts a little more. A
kernel over texts, K = K0 + W/2 · (e^(3 K0/W) - 1)/(e³ - 1) + 0.1 with K0 = Φ Φᵀ, carries these columns over to items
that resemble the known ones: X (B + 0.1 I) (K_ww + D)⁻¹ K_w·, D = noise · (p_i/p̄ + 0.02)^0.2 (ridge regression in dual
variables, Saunders, Gammerman and Vovk 1998). All of it is one matrix, so a score is a sum over events.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix

from chatrec.block import Block
from chatrec.channels import ease
from chatrec.channels.base import added_by_events, places_among, product, uniform
from chatrec.features.catalogue import Features
from chatrec.source.snapshot import Array, Histories

KNOWN_UP_TO = 6_000
"""Items with events: time goes with their number³."""
ITEMS_UP_TO = 30_000
"""Of the whole catalogue: memory goes with both numbers."""
PENALTY = 300.0
"""Of EASE."""
OF_TAKEN = 0.1
"""What an event says of its own item, which EASE leaves out."""
NOISE = 2.5
SHARPNESS = 3.0
OF_VECTORS = 0.75
"""What the inner product of two vectors of a language model counts beside those of features."""


def kernel(features: csr_matrix, vectors: Array, weight: float, rows: Array) -> Array:
    """K of some items with all: rows × items, float32.

    Args:
        features: Φ, items × features.
        vectors: of a language model, items × dimensions, scaled by the root of what they weigh.
        weight: W, the largest K0.
        rows: which items.
    """
    plain = np.asarray((features[rows] @ features.T).todense(), np.float32)
    plain += vectors[rows] @ vectors.T
    sharp: Array = np.exp(plain * np.float32(SHARPNESS / weight))
    sharp -= 1
    sharp *= np.float32(weight / 2 / np.expm1(SHARPNESS))
    sharp += plain
    sharp += np.float32(0.1)
    return sharp


@dataclass(frozen=True)
class Kernel:
    """What each known item says of all items."""

    weights: Array
    """known × items, float32."""
    known: Array
    """int32, ordered: the items with events."""

    logits = False

    def scores(self, block: Block) -> Array:
        """x W."""
        return product(block.weighted(uniform)[:, self.known], self.weights)

    def added(self, latest: Array, items: Array) -> Array:
        """See Channel."""
        rows = places_among(self.known, latest)
        return added_by_events(self.weights, uniform(np.arange(latest.shape[1])), rows, items)


def fit(histories: Histories, features: Features, vectors: Array) -> Kernel:
    """Of all items with events.

    Args:
        histories: of all users.
        features: of all items.
        vectors: of a language model, items × dimensions, of unit length.
    """
    items, vectors = len(vectors), vectors * np.float32(OF_VECTORS**0.5)
    taken = np.bincount(histories.items, minlength=items)
    known = np.flatnonzero(taken).astype(np.int32)
    weight = features.weight + float(np.square(vectors).sum(1).max(initial=0))
    similar = kernel(features.joined, vectors, weight, known)
    between = similar[:, known].astype(np.float64)
    popular = taken[known] / taken[known].mean()
    between[np.diag_indices(len(known))] += NOISE * (popular + 0.02) ** 0.2
    fitted = ease.fit(histories, items, PENALTY)
    places = np.searchsorted(fitted.known, known)
    wanted = fitted.weights[np.ix_(places, places)].astype(np.float64)
    wanted[np.diag_indices(len(known))] += OF_TAKEN
    carried = cho_solve(cho_factor(between, lower=True, overwrite_a=True), wanted.T).T
    return Kernel(carried.astype(np.float32) @ similar, known)
