"""What is popular, of all and of each group, and what is taken more than usual."""

import numpy as np

from chatrec.aigc.groups import ItemGroups
from chatrec.data.arrays import Array, top_k_per_group
from chatrec.data.interactions import Interactions
from chatrec.models.popularity import CLOCK_FROM, DAY, SMOOTHING, popularity

EVERYTHING = -1
"""Stands for the whole catalogue among the groups."""


def popular_items(histories: Interactions, groups: ItemGroups, possible: Array, n: int) -> dict[str, Array]:
    """The items with most events.

    Args:
        histories: of all users.
        groups: of tonight.
        possible: bool for each item.
        n: how many, of all and of each group.

    Returns:
        group (EVERYTHING first), rank, item, and score: its share of the events of the group; items without events are
        not popular.
    """
    popular = popularity(histories.items, histories.weights, len(possible))
    everything = np.arange(len(possible))
    group = np.concatenate([np.full(len(everything), EVERYTHING), groups.groups])
    item = np.concatenate([everything, groups.items])
    totals = np.bincount(group + 1, weights=popular[item], minlength=len(groups.names) + 1)
    there = possible[item] & (popular[item] > 0)
    group, item = group[there], item[there]
    places, rank = top_k_per_group(group, popular[item], n)
    group, item = group[places], item[places]
    return {"group": group, "rank": rank, "item": item, "score": popular[item] / totals[group + 1]}


def trending_items(histories: Interactions, possible: Array, n: int, days: float) -> dict[str, Array]:
    """The items that are taken more than usual.

    With r events of an item among R lately, and u among U before, R (u + 1) / (U + items) = e are expected lately; the
    score is (r - e) / √(e + 1): the excess in standard deviations of a Poisson law, where one event is no news.

    Args:
        histories: of all users.
        possible: bool for each item.
        n: how many.
        days: before the newest event that are lately.

    Returns:
        rank, item and score of items with an excess; none where times are no moments, or nothing was before.
    """
    newest = int(histories.times.max(initial=0))
    lately = histories.times > newest - days * DAY
    count = len(possible)
    if newest < CLOCK_FROM or lately.all():
        nothing = np.empty(0, np.int64)
        return {"rank": nothing, "item": nothing, "score": nothing}
    now, before = (popularity(histories.items[part], histories.weights[part], count) for part in (lately, ~lately))
    expected = now.sum() * (before + SMOOTHING) / (before.sum() + SMOOTHING * count)
    excess = (now - expected) / np.sqrt(expected + SMOOTHING)
    item = np.flatnonzero(possible & (excess > 0))
    places, rank = top_k_per_group(np.zeros(len(item), np.int64), excess[item], n)
    return {"rank": rank, "item": item[places], "score": excess[item[places]]}
