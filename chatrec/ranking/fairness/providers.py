"""Providers of items, and their exposure.

A provider is a value of a catalogue column, such as a seller, an author or a label; or a group.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.ranking.rules.items import rows_of

SETTING = "fairness.attribute"


@dataclass(frozen=True)
class Providers:
    """Providers and their items."""

    names: list[str]
    """Names of the providers, sorted."""
    shares: csr_matrix
    """Shares, items × providers; an item's row sums to 1, or to 0 without a provider."""

    @classmethod
    def of(cls, items: pl.DataFrame, attribute: str) -> "Providers":
        """Reads the providers of a catalogue.

        Raises:
            SettingsError: If the catalogue has no such column.
        """
        rows = rows_of(items, attribute, SETTING)
        names = rows["value"].unique().sort()
        codes = rows["value"].rank("dense").to_numpy() - 1 if len(rows) else np.empty(0, np.int64)
        row = rows["row"].to_numpy()
        weights = 1 / np.maximum(np.bincount(row, minlength=len(items)), 1)
        shape = len(items), len(names)
        return cls(names.to_list(), csr_matrix((weights[row], (row, codes)), shape=shape))

    @cached_property
    def items(self) -> Array:
        """Number of items of each provider; items with several providers count fractionally."""
        counts: Array = np.asarray(self.shares.sum(0)).ravel()
        return counts

    def mass(self, items: IntArray, weights: FloatArray) -> Array:
        """Sums weights of slots by provider.

        Args:
            items: Rows of items, of any shape; -1 for an empty slot.
            weights: Weights, of the same shape.
        """
        filled = items >= 0
        by_item = np.bincount(items[filled], weights[filled], minlength=self.shares.shape[0])
        mass: FloatArray = self.shares.T @ by_item
        return mass


def share_of(mass: FloatArray) -> Array:
    """Normalises sums by provider to shares."""
    shares: FloatArray = mass / max(float(mass.sum()), np.finfo(float).tiny)
    return shares
