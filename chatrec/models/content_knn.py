"""The text channel: items whose GPT-2 vectors are near those of what the user took lately."""

from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import harmonic


@dataclass(frozen=True)
class Text:
    """Text vectors of the items."""

    vectors: Array
    """items × dimensions, of unit length."""

    log_probabilities = False

    @property
    def keys(self) -> Array:
        """See VectorModel."""
        return self.vectors

    def queries(self, batch: UserBatch) -> Array:
        """See VectorModel."""
        return np.asarray(batch.weighted(harmonic) @ self.vectors)

    def score(self, batch: UserBatch) -> Array:
        """Σ over the history of cosine / (age + 1)."""
        scores: Array = self.queries(batch) @ self.keys.T
        return scores

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model."""
        found = np.einsum("und,ued->une", self.vectors[items], self.vectors[latest])
        return np.where(latest[:, None, :] >= 0, found * harmonic(np.arange(latest.shape[1])), 0)
