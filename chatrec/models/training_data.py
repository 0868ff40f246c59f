"""Training data of models."""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.new_items import Arrivals
from chatrec.features.catalogue import Features


@dataclass(frozen=True)
class TrainingData:
    """Histories of users, with texts and features of items."""

    histories: Interactions
    items: int
    """Number of items."""
    texts: Array = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """Text vectors, items × dimensions, of unit length."""
    seed: int = 0
    features: Features = field(default_factory=Features)
    """Features of items."""
    arrivals: Arrivals | None = None
    """Arrival of items; None if no item is new."""

    @property
    def without_texts(self) -> Array:
        """Text vectors of width 0, for models that use features alone."""
        return np.empty((self.items, 0), np.float32)

    @property
    def matrix(self) -> csr_matrix:
        """Interaction matrix, users × items, float32: 1 if the user interacted with the item."""
        users, items = self.histories.distinct(self.items)
        return csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(self.histories.users, self.items))
