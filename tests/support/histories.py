"""Histories of users, made of lists."""

import numpy as np

from chatrec.data.interactions import Interactions, Queries


def histories(of_users: list[list[int]]) -> Interactions:
    items = np.array([item for one in of_users for item in one], np.int32)
    starts = np.concatenate([[0], np.cumsum([len(one) for one in of_users])]).astype(np.int64)
    return Interactions(starts, items, np.ones(len(items), np.float32), np.arange(len(items)))


def queries(of_users: list[list[str]]) -> Queries:
    """Of users, the newest first."""
    texts = sorted({text for mine in of_users for text in mine})
    rows = np.array([texts.index(text) for mine in of_users for text in mine], np.int32)
    starts = np.concatenate([[0], np.cumsum([len(mine) for mine in of_users])]).astype(np.int64)
    return Queries(starts, texts, rows, -np.arange(len(rows)))


def checkerboard(events: int = 12) -> Interactions:
    """Even users take even items, odd users odd ones."""
    random = np.random.default_rng(0)
    return histories([random.permutation(np.arange(user % 2, 30, 2))[:events].tolist() for user in range(120)])


def rounds(users: int = 150, events: int = 12) -> Interactions:
    """Every user goes round the items, from somewhere: the next item is known, by the last one alone."""
    random = np.random.default_rng(0)
    return histories([[(int(first) + step) % 12 for step in range(events)] for first in random.integers(0, 12, users)])
