"""Popular items, overall and per group, and trending items."""

import numpy as np

from chatrec.aigc.groups import ItemGroups
from chatrec.data.arrays import Array, BoolArray, top_k_per_group
from chatrec.data.interactions import Interactions
from chatrec.models.popularity import SMOOTHING, in_last_days, popularity

EVERYTHING = -1
"""Group number of the whole catalogue."""


def popular_items(histories: Interactions, groups: ItemGroups, possible: BoolArray, n: int) -> dict[str, Array]:
    """Returns the items with the most users.

    Args:
        histories: Interactions of all users.
        groups: Groups of the run.
        possible: Availability of items, bool of shape (items,).
        n: Number of items, overall and per group.

    Returns:
        The columns group (EVERYTHING first), rank, item, and score: the item's share of all pairs of a user and an item
        of the group. Items without events are left out.
    """
    popular = popularity(histories, len(possible))
    everything = np.arange(len(possible))
    group = np.concatenate([np.full(len(everything), EVERYTHING), groups.groups])
    item = np.concatenate([everything, groups.items])
    totals = np.bincount(group + 1, weights=popular[item], minlength=len(groups.names) + 1)
    taken = possible[item] & (popular[item] > 0)
    group, item = group[taken], item[taken]
    positions, rank = top_k_per_group(group, popular[item], n)
    group, item = group[positions], item[positions]
    return {"group": group, "rank": rank, "item": item, "score": popular[item] / totals[group + 1]}


def trending_items(histories: Interactions, possible: BoolArray, n: int, days: float) -> dict[str, Array]:
    """Returns the items with more interactions than usual.

    An item with r of the R events in the window and u of the U events before it has the expected count R (u + 1) / (U +
    items) = e in the window. Its score is (r - e) / √(e + 1), the excess in standard deviations of a smoothed Poisson
    distribution.

    Args:
        histories: Interactions of all users.
        possible: Availability of items, bool of shape (items,).
        n: Number of items.
        days: Length of the window before the newest event, in days.

    Returns:
        The columns rank, item and score of items with an excess; empty if times are not timestamps or no event precedes
        the window.
    """
    lately, count = in_last_days(histories, days), len(possible)
    if lately is None:
        nothing = np.empty(0, np.int64)
        return {"rank": nothing, "item": nothing, "score": nothing}
    now, before = (np.bincount(histories.items[part], histories.weights[part], count) for part in (lately, ~lately))
    expected = now.sum() * (before + SMOOTHING) / (before.sum() + SMOOTHING * count)
    excess = (now - expected) / np.sqrt(expected + SMOOTHING)
    item = np.flatnonzero(possible & (excess > 0))
    positions, rank = top_k_per_group(np.zeros(len(item), np.int64), excess[item], n)
    return {"rank": rank, "item": item[positions], "score": excess[item[positions]]}
