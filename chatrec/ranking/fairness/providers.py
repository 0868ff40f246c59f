"""Providers of items, and how much of all attention their items get.

A provider is a value of a column of the catalogue: a seller, an author, a label; or a group.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array
from chatrec.ranking.rules.items import rows_of

SETTING = "fairness.attribute"


@dataclass(frozen=True)
class Providers:
    """Who provides what."""

    names: list[str]
    """Sorted."""
    shares: csr_matrix
    """items × providers: 1 in all for an item, 0 for one without a provider."""

    @classmethod
    def of(cls, items: pl.DataFrame, attribute: str) -> "Providers":
        """Of a catalogue.

        Raises:
            SettingsError: it has no such column.
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
        """How many items each has, those with several providers in part."""
        found: Array = np.asarray(self.shares.sum(0)).ravel()
        return found

    def mass(self, items: Array, weights: Array) -> Array:
        """What each provider gets of weights of places.

        Args:
            items: rows of items, any shape; -1 for an empty place.
            weights: the same shape.
        """
        there = items >= 0
        by_item = np.bincount(items[there], weights[there], minlength=self.shares.shape[0])
        found: Array = self.shares.T @ by_item
        return found


def share_of(mass: Array) -> Array:
    """Of all that the providers get together."""
    found: Array = mass / max(float(mass.sum()), np.finfo(float).tiny)
    return found
