"""What models are fitted on."""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.features.catalogue import Features


@dataclass(frozen=True)
class TrainingData:
    """Histories, and what is known of the items."""

    histories: Interactions
    items: int
    """How many there are."""
    texts: Array = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """items × dimensions, unit length: vectors of the text encoder."""
    seed: int = 0
    features: Features = field(default_factory=Features)
    """Of the items."""

    @property
    def without_texts(self) -> Array:
        """Vectors of no dimension, for models that read features alone."""
        return np.empty((self.items, 0), np.float32)

    @property
    def matrix(self) -> csr_matrix:
        """Users × items, float32: 1 where the user took the item."""
        users, items = self.histories.distinct(self.items)
        return csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(self.histories.users, self.items))
