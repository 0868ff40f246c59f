"""The linear form of a blend: every channel is an inner product, so their sum is one, and one FAISS index finds lists.

Channels that count pairs of items are no inner products of short vectors; a linear blend does without them.
"""

from dataclasses import dataclass

from chatrec.config.settings import Form
from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import VectorModel

EXACT_UP_TO = 200_000
"""Items: scores of all of them for everybody are too many above."""


@dataclass(frozen=True)
class Softmax(VectorModel):
    """A channel of vectors that speaks in logits: log P(i|u) = scale · qᵀk up to a constant a user."""

    channel: VectorModel
    scale: float = 1.0

    log_probabilities = True

    @property
    def keys(self) -> Array:
        """k: items × width."""
        return self.channel.keys

    def queries(self, batch: UserBatch) -> Array:
        """scale · q: users × width."""
        scaled: Array = self.scale * self.channel.queries(batch)
        return scaled

    def contributions(self, latest: Array, items: Array) -> Array | None:
        """See Model; without the scale, which is the same for all events."""
        return self.channel.contributions(latest, items)


def form_of(wanted: Form, items: int) -> Form:
    """The form that a size asks for, where the settings leave it open."""
    if wanted != "auto":
        return wanted
    return "exact" if items <= EXACT_UP_TO else "linear"
