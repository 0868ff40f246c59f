"""What the FAISS index searches: the inner products of all channels of a linear blend, or else those of AIGC alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.aigc import aigc as aigc
from chatrec.data.arrays import Array
from chatrec.ensemble.ensemble import Ensemble
from chatrec.models.base import VectorModel


@dataclass(frozen=True)
class ConcatenatedVectors:
    """Channels side by side: the inner product of their joined vectors is the weighted sum of theirs."""

    channels: Mapping[str, VectorModel]
    weights: Mapping[str, float]

    @classmethod
    def of(cls, blend: Ensemble, learned: aigc.AigcModel) -> "ConcatenatedVectors":
        """Of a night."""
        if blend.form == "exact":
            return cls({aigc.NAME: learned}, {aigc.NAME: 1.0})
        known = {**blend.channels, aigc.NAME: learned}
        return cls({name: known[name] for name in blend.weights}, blend.weights)

    @cached_property
    def keys(self) -> Array:
        """items × width of all."""
        return np.ascontiguousarray(np.hstack([channel.keys for channel in self.channels.values()]), np.float32)

    def join(self, queries: Mapping[str, Array]) -> Array:
        """users × width of all, from the queries of each channel."""
        parts = [np.float32(self.weights[name]) * queries[name] for name in self.channels]
        return np.ascontiguousarray(np.hstack(parts), np.float32)
