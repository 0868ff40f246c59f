"""The text model: items whose GPT-2 vectors are near those of what the user took lately."""

from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import VectorModel, harmonic
from chatrec.models.training_data import TrainingData


@dataclass(frozen=True)
class Config:
    """Nothing is left open."""


DEFAULT = Config()


@dataclass(frozen=True)
class Text(VectorModel):
    """Text vectors of the items. The score is Σ over the history of cosine / (age + 1)."""

    vectors: Array
    """items × dimensions, of unit length."""

    @property
    def keys(self) -> Array:
        """See VectorModel."""
        return self.vectors

    def queries(self, batch: UserBatch) -> Array:
        """See VectorModel."""
        return np.asarray(batch.weighted(harmonic) @ self.vectors)

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model."""
        products = np.einsum("und,ued->une", self.vectors[items], self.vectors[latest])
        return np.where(latest[:, None, :] >= 0, products * harmonic(np.arange(latest.shape[1])), 0)


def fit(data: TrainingData, config: Config = DEFAULT) -> Text:
    """Takes the vectors as they are."""
    return Text(data.texts)
