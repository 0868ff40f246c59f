"""Item k-NN: items that the same users took. The score is Σ over the history of the cosine of two items.

cos(i, j) = n_ij / √(n_i n_j), with n_ij the number of users who took both items and n_i those who took item i. Each
item of the history adds to its K nearest items.

Sarwar, Karypis, Konstan and Riedl 2001, "Item-Based Collaborative Filtering Recommendation Algorithms"; Deshpande and
Karypis 2004, "Item-Based Top-N Recommendation Algorithms".
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags, vstack

from chatrec.data.arrays import Array, top_k_per_group
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model, event_contributions, once, product, uniform
from chatrec.models.training_data import TrainingData


@dataclass(frozen=True)
class Config:
    """Parameters of item k-NN."""

    neighbours: int = 500
    """Number of nearest items of an item, K."""
    max_pairs: int = 1_000_000_000
    """Largest number of pairs of items in the histories that is counted: Σ n_u² over the users."""


DEFAULT = Config()
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class ItemKnn(Model):
    """Cosines of items that a user took together."""

    weights: csr_matrix
    """Cosines, items × items, float32: of each item (a row) with its nearest items."""

    def score(self, batch: UserBatch) -> Array:
        """Returns x W."""
        return product(batch.distinct(uniform), self.weights)

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns W[event, item]."""
        return event_contributions(self.weights, uniform(ages), once(latest), items)


def fit(data: TrainingData, config: Config = DEFAULT) -> ItemKnn:
    """Counts the pairs. Time grows with their number."""
    matrix = data.matrix
    users = np.asarray(matrix.sum(0)).ravel()
    scaled = csr_matrix(matrix @ diags(1 / np.sqrt(np.maximum(users, 1))), dtype=np.float32)
    by_item = csr_matrix(scaled.T)
    parts = [
        _nearest(by_item[start : start + ROWS_AT_ONCE] @ scaled, start, config.neighbours)
        for start in range(0, data.items, ROWS_AT_ONCE)
    ]
    return ItemKnn(csr_matrix(vstack(parts), dtype=np.float32))


def _nearest(cosines: csr_matrix, first: int, k: int) -> csr_matrix:
    """Keeps the k largest entries of each row, without the item itself; `first` is the item of the first row."""
    cosines.sort_indices()
    entries = cosines.tocoo()
    other = entries.col != entries.row + first
    rows, columns, values = entries.row[other], entries.col[other], entries.data[other]
    kept, _ = top_k_per_group(rows, values, k)
    return csr_matrix((values[kept], (rows[kept], columns[kept])), shape=cosines.shape)


def pairs(data: TrainingData) -> int:
    """Returns the number of pairs of items in the histories."""
    return int((data.histories.lengths.astype(np.int64) ** 2).sum())
