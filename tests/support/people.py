"""Small populations."""

import numpy as np

from chatrec.data.interactions import Interactions, starts_of

ITEMS = 40
IDS = np.array([f"item {number}" for number in range(ITEMS)])


def histories(taken: list[np.ndarray]) -> Interactions:
    """Of users who took these items."""
    owners = np.repeat(np.arange(len(taken)), [len(each) for each in taken])
    items = np.concatenate([np.empty(0, np.int32), *taken]).astype(np.int32)
    return Interactions(
        starts_of(owners, len(taken)), items, np.ones(len(items), np.float32), np.arange(len(items), dtype=np.int64)
    )


def population(count: int, random: np.random.Generator) -> list[np.ndarray]:
    """Users who take items of one half of the catalogue, five to fifteen each."""
    halves = np.arange(ITEMS).reshape(2, -1)
    return [random.choice(halves[user % 2], random.integers(5, 16), replace=False) for user in range(count)]
