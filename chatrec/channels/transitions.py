"""Transitions: what came soon after what.

T = Σ_{k≤10} N_k / k, damped: T_ij (r_i + 20)^-.9 (c_j + 20)^-.3 with row sums r and column sums c.
A history weighs its events by 1 / (age + 1).
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags

from chatrec.block import Block
from chatrec.channels.base import added_by_events, harmonic, product
from chatrec.channels.pairs import weighted_counts
from chatrec.source.snapshot import Array, Histories

LAGS = 10
PRIOR = 20.0
ROW_POWER, COLUMN_POWER = -0.9, -0.3


@dataclass(frozen=True)
class Transitions:
    """The damped matrix."""

    weights: csr_matrix
    """items × items, sparse."""

    logits = False

    def scores(self, block: Block) -> Array:
        """Σ over the history of weight × damped transitions."""
        return product(block.weighted(harmonic), self.weights)

    def added(self, latest: Array, items: Array) -> Array:
        """See Channel."""
        return added_by_events(self.weights, harmonic(np.arange(latest.shape[1])), latest, items)


def fit(histories: Histories, items: int) -> Transitions:
    """Counts the transitions of all histories."""
    counts = weighted_counts(histories, items, lambda lag: 1 / lag, LAGS)
    rows = np.asarray(counts.sum(1)).ravel() + PRIOR
    columns = np.asarray(counts.sum(0)).ravel() + PRIOR
    return Transitions((diags(rows**ROW_POWER) @ counts @ diags(columns**COLUMN_POWER)).tocsr().astype(np.float32))
