"""Vectors of the FAISS index: those of all models of a linear ensemble, concatenated, or else those of AIGC."""

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
    """Concatenated model vectors, whose inner product is the weighted sum of the models' inner products."""

    channels: Mapping[str, VectorModel]
    weights: Mapping[str, float]

    @classmethod
    def of(cls, blend: Ensemble, learned: aigc.AigcModel) -> "ConcatenatedVectors":
        """Makes the vectors of a run."""
        if blend.form == "rerank":
            return cls({aigc.NAME: learned}, {aigc.NAME: 1.0})
        known = {**blend.channels, aigc.NAME: learned}
        return cls({name: known[name] for name in blend.weights}, blend.weights)

    @cached_property
    def keys(self) -> Array:
        """Item vectors, items × total width, float32."""
        return np.ascontiguousarray(np.hstack([channel.keys for channel in self.channels.values()]), np.float32)

    def join(self, queries: Mapping[str, Array]) -> Array:
        """Returns user vectors, users × total width, from the user vectors of each model."""
        parts = [np.float32(self.weights[name]) * queries[name] for name in self.channels]
        return np.ascontiguousarray(np.hstack(parts), np.float32)
