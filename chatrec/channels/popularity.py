"""Popularity: of all items, and within groups."""

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.aigc.groups import ItemGroups
from chatrec.source.snapshot import Array

SMOOTHING = 1.0
"""Events that every item is taken to have had: a new item of a group is not impossible."""


def popularity(items: Array, weights: Array, count: int) -> Array:
    """The weight of all events of each item: float64, `count` long."""
    return np.bincount(items, weights=weights, minlength=count).astype(np.float64)


def shares_of_groups(groups: ItemGroups, popular: Array) -> csr_matrix:
    """P(i|k): groups × items, each row with members sums to 1."""
    shape = (len(groups.names), len(popular))
    weights = popular[groups.items] + SMOOTHING
    totals = np.bincount(groups.groups, weights=weights, minlength=shape[0])
    return csr_matrix((weights / totals[groups.groups], (groups.groups, groups.items)), shape=shape)
