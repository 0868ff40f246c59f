"""The form inner_product of the ensemble: a sum of inner products, which is one inner product with one FAISS index.

Models based on co-occurrence are not inner products of short vectors and are left out of a linear ensemble.
"""

from dataclasses import dataclass

from chatrec.config.ranking import Form
from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import VectorModel

RERANK_UP_TO = 200_000
"""Largest number of items for which all scores of all users are computed."""


@dataclass(frozen=True)
class Softmax(VectorModel):
    """A vector model on the scale of logits: log P(i|u) = scale · qᵀk up to a constant per user."""

    model: VectorModel
    scale: float = 1.0

    log_probabilities = True

    @property
    def keys(self) -> Array:
        """Item vectors k, items × width."""
        return self.model.keys

    def queries(self, batch: UserBatch) -> Array:
        """Returns user vectors scale · q, users × width."""
        scaled: FloatArray = self.scale * self.model.queries(batch)
        return scaled

    def contributions(self, latest: IntArray, ages: IntArray, items: IntArray) -> Array | None:
        """Implements `Model.contributions`, without the scale, which is the same for all events."""
        return self.model.contributions(latest, ages, items)


def form_of(wanted: Form, items: int) -> Form:
    """Returns the form for a number of items, if the settings leave it open."""
    if wanted != "auto":
        return wanted
    return "rerank" if items <= RERANK_UP_TO else "inner_product"
