"""The text channel: items whose GPT-2 vectors are near those of what the user took lately."""

from dataclasses import dataclass

import numpy as np

from chatrec.block import Block
from chatrec.channels.base import harmonic
from chatrec.source.snapshot import Array


@dataclass(frozen=True)
class Text:
    """Text vectors of the items."""

    vectors: Array
    """items × dimensions, of unit length."""

    logits = False

    def scores(self, block: Block) -> Array:
        """Σ over the history of cosine / (age + 1)."""
        return np.asarray((block.weighted(harmonic) @ self.vectors) @ self.vectors.T)

    def added(self, latest: Array, items: Array) -> Array:
        """See Channel."""
        found = np.einsum("und,ued->une", self.vectors[items], self.vectors[latest])
        return np.where(latest[:, None, :] >= 0, found * harmonic(np.arange(latest.shape[1])), 0)
