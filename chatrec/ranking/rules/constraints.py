"""Selection of candidates under caps, and placement of pinned items."""

from collections.abc import Sequence

import numpy as np

from chatrec.data.arrays import Array, IntArray


def admitted(items: IntArray, preference: IntArray, caps: Sequence[tuple[Array, int]], n: int) -> Array:
    """Selects the first n candidates of each user that satisfy all caps.

    Candidates are selected greedily in the order of preference.

    Args:
        items: Rows of items, users × candidates.
        preference: Columns of the candidates, users × candidates, the most preferred first, padded with -1.
        caps: For each cap the values of each item, (items + 1) × values, padded with -1, and the maximum number of
            items with the same value.
        n: Length of a list.

    Returns:
        Columns, users × at most n, the most preferred first, padded with -1.
    """
    n = min(n, preference.shape[1])
    if not caps:
        return preference[:, :n]
    users = np.arange(len(items))
    taken, lengths = np.full((len(items), n), -1, preference.dtype), np.zeros(len(items), np.int64)
    values = [np.full((len(items), n, codes.shape[1]), -2, np.int32) for codes, _ in caps]
    for column in preference.T:
        wanted = np.where(column >= 0, items[users, column], -1)
        mine = [codes[wanted] for codes, _ in caps]
        good = (wanted >= 0) & (lengths < n)
        for (_, at_most), own, others in zip(caps, mine, values, strict=True):
            good &= ((own[:, :, None, None] == others[:, None]).any(3).sum(2) < at_most).all(1)
        rows, slots = users[good], lengths[good]
        taken[rows, slots] = column[good]
        for own, others in zip(mine, values, strict=True):
            others[rows, slots] = np.where(own[good] >= 0, own[good], -2)
        lengths[good] += 1
        if (lengths == n).all():
            break
    return taken


def pinned_slots(items: IntArray, chosen: IntArray, pins: Sequence[tuple[int, int]]) -> Array:
    """Moves pinned items to their positions and shifts the others.

    Args:
        items: Rows of items, users × candidates.
        chosen: Columns of the candidates in the order of the list, users × slots, padded with -1.
        pins: Row of an item and its position from 0. Each position occurs once.

    Returns:
        The same columns, reordered. In a list shorter than the position, the item is last.
    """
    if not pins:
        return chosen
    users, n = np.arange(len(chosen))[:, None], chosen.shape[1]
    shown = np.where(chosen >= 0, items[users, chosen], -1)
    target, occupied = np.full(chosen.shape, -1), np.zeros(chosen.shape, bool)
    for item, slot in pins:
        if slot < n:
            target[shown == item] = slot
            occupied[(shown == item).any(1), slot] = True
    free = np.argsort(occupied, axis=1, kind="stable")
    order = np.cumsum(target < 0, axis=1) - 1
    target = np.where(target < 0, np.take_along_axis(free, np.maximum(order, 0), 1), target)
    placed = np.full(chosen.shape, -1, chosen.dtype)
    np.put_along_axis(placed, target, chosen, 1)
    return np.take_along_axis(placed, np.argsort(placed < 0, axis=1, kind="stable"), 1)
