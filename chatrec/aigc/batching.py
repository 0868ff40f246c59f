"""Batches of windows of similar length, cut from histories."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

JITTER = 0.125
"""Relative difference in length within which windows are shuffled."""


@dataclass(frozen=True)
class Batch:
    """A batch of windows."""

    positions: Array
    """Positions of events in the histories, windows × events; 0 for padding, which is at the end."""
    mask: Array
    """Mask of events that are not padding, bool, windows × events."""


def batches(histories: Interactions, window: int, tokens: int, random: np.random.Generator) -> Iterator[Batch]:
    """Yields each event that has a successor once, in random order.

    Args:
        histories: Interactions of all users.
        window: Maximum number of events in a window. Long histories are cut at random positions.
        tokens: Approximate number of events in a batch.
        random: Generator for cuts and order.
    """
    starts, lengths = _cut(histories, window, random)
    order = random.permutation(len(starts))
    order = order[np.argsort(lengths[order] * random.uniform(1, 1 + JITTER, len(order)), kind="stable")]
    ends = np.cumsum(lengths[order])
    parts = np.split(order, np.searchsorted(ends, np.arange(tokens, ends[-1] if len(ends) else 0, tokens)))
    for number in random.permutation(len(parts)):
        rows = parts[number]
        if len(rows):
            offsets = np.arange(lengths[rows].max())
            mask = offsets < lengths[rows][:, None]
            yield Batch(np.where(mask, starts[rows][:, None] + offsets, 0), mask)


def _cut(histories: Interactions, window: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Returns starts and lengths of windows: the first has a random length, the others but the last are full."""
    users = np.flatnonzero(histories.lengths >= 2)
    readable, begin = histories.lengths[users] - 1, histories.starts[users]
    first = np.where(readable > window, random.integers(1, window + 1, len(users)), np.minimum(readable, window))
    counts = 1 + np.maximum(0, -(-(readable - first) // window))
    user = np.repeat(np.arange(len(users)), counts)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.where(number == 0, 0, first[user] + (number - 1) * window)
    end = np.minimum(first[user] + number * window, readable[user])
    return begin[user] + start, end - start
