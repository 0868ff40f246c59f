"""Histories cut into windows of like length, a batch at a time, as a net reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

JITTER = 0.125
"""Windows whose lengths differ by less, as a share of the length, may come in any order."""


@dataclass(frozen=True)
class Batch:
    """Some windows."""

    positions: Array
    """windows × events, where each event stands in the histories; 0 for padding, which stands at the end."""
    there: Array
    """bool, windows × events: no padding."""


def batches(histories: Interactions, window: int, tokens: int, random: np.random.Generator) -> Iterator[Batch]:
    """All events that have one after them, each once, in random order.

    Args:
        histories: of all users.
        window: events of a window at most; where a long history is cut is random.
        tokens: about how many events make a batch.
        random: where to cut, and in which order.
    """
    starts, lengths = _cut(histories, window, random)
    order = random.permutation(len(starts))
    order = order[np.argsort(lengths[order] * random.uniform(1, 1 + JITTER, len(order)), kind="stable")]
    ends = np.cumsum(lengths[order])
    parts = np.split(order, np.searchsorted(ends, np.arange(tokens, ends[-1] if len(ends) else 0, tokens)))
    for number in random.permutation(len(parts)):
        rows = parts[number]
        if len(rows):
            places = np.arange(lengths[rows].max())
            there = places < lengths[rows][:, None]
            yield Batch(np.where(there, starts[rows][:, None] + places, 0), there)


def _cut(histories: Interactions, window: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Where windows start and how long they are: the first is short by chance, the others are full but for the last."""
    users = np.flatnonzero(histories.lengths >= 2)
    readable, begin = histories.lengths[users] - 1, histories.starts[users]
    first = np.where(readable > window, random.integers(1, window + 1, len(users)), np.minimum(readable, window))
    counts = 1 + np.maximum(0, -(-(readable - first) // window))
    user = np.repeat(np.arange(len(users)), counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.where(place == 0, 0, first[user] + (place - 1) * window)
    end = np.minimum(first[user] + place * window, readable[user])
    return begin[user] + start, end - start
