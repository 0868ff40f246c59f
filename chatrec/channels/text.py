"""The text channel: items whose GPT-2 vectors are near those of what the user took lately."""

from dataclasses import dataclass

import numpy as np

from chatrec.block import Block
from chatrec.source.snapshot import Array


@dataclass(frozen=True)
class Text:
    """Text vectors of the items."""

    vectors: Array
    """items × dimensions, of unit length."""

    logits = False

    def scores(self, block: Block) -> Array:
        """Σ over the history of cosine / (age + 1)."""
        return np.asarray((block.weighted(_weigh) @ self.vectors) @ self.vectors.T)

    def added(self, latest: Array, items: Array) -> Array:
        """See Channel."""
        found = np.einsum("und,ued->une", self.vectors[items], self.vectors[latest])
        return np.where(latest[:, None, :] >= 0, found * _weigh(np.arange(latest.shape[1])), 0)


def _weigh(ages: Array) -> Array:
    weights: Array = 1 / (ages + 1)
    return weights
