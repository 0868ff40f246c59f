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

    models: Mapping[str, VectorModel]
    weights: Mapping[str, float]

    @classmethod
    def of(cls, ensemble: Ensemble, learned: aigc.AigcModel) -> "ConcatenatedVectors":
        """Makes the vectors of a run."""
        if ensemble.form == "rerank":
            return cls({aigc.NAME: learned}, {aigc.NAME: 1.0})
        fitted = {**ensemble.models, aigc.NAME: learned}
        return cls({name: fitted[name] for name in ensemble.weights}, ensemble.weights)

    @cached_property
    def keys(self) -> Array:
        """Item vectors, items × total width, float32."""
        return np.ascontiguousarray(np.hstack([model.keys for model in self.models.values()]), np.float32)

    def join(self, queries: Mapping[str, Array]) -> Array:
        """Returns user vectors, users × total width, from the user vectors of each model."""
        parts = [np.float32(self.weights[name]) * queries[name] for name in self.models]
        return np.ascontiguousarray(np.hstack(parts), np.float32)
