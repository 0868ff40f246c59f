"""Content-based k-NN: items whose text vectors are close to those of the user's recent items.

score(u, i) = Σ_{events j} cos(j, i) / (age + 1), a content-based recommender with a decaying user profile (Lops, de
Gemmis and Semeraro 2011, "Content-based Recommender Systems: State of the Art and Trends").
"""

from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import VectorModel, harmonic
from chatrec.models.training_data import TrainingData


@dataclass(frozen=True)
class Config:
    """Content k-NN has no parameters."""


DEFAULT = Config()


@dataclass(frozen=True)
class ContentKnn(VectorModel):
    """Text vectors of items. The score is Σ over the history of cosine / (age + 1)."""

    vectors: Array
    """Text vectors, items × dimensions, of unit length."""

    @property
    def keys(self) -> Array:
        """Text vectors of items."""
        return self.vectors

    def queries(self, batch: UserBatch) -> Array:
        """Returns the sums of the text vectors of histories, weighted by 1 / (age + 1)."""
        return np.asarray(batch.weighted(harmonic) @ self.vectors)

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns cosine / (age + 1) for each event."""
        products = np.einsum("und,ued->une", self.vectors[items], self.vectors[latest])
        return np.where(latest[:, None, :] >= 0, products * harmonic(ages)[:, None, :], 0)


def fit(data: TrainingData, config: Config = DEFAULT) -> ContentKnn:
    """Returns the model of the text vectors; nothing is fitted."""
    return ContentKnn(data.texts)
