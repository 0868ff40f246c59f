"""Datasets for the public API: a shop whose users go through the items of one half."""

from typing import Any

import numpy as np
import polars as pl

import chatrec

USERS, ITEMS, COLD = 60, 24, 2
"""The last COLD items have no interactions."""
WORDS = ("rocket star galaxy orbit comet", "bread pasta oven butter flour")


def tables() -> dict[str, pl.DataFrame]:
    """Interactions, items and users; user 0 has no interactions."""
    random = np.random.default_rng(0)
    events = [
        {"user_id": user, "item_id": f"i{item:02}", "occurred_at": 86_400 * day + user}
        for user in range(1, USERS)
        for day, item in enumerate(random.permutation(np.arange(user % 2, ITEMS - COLD, 2))[:6])
    ]
    words = [random.choice(WORDS[item % 2].split(), 3) for item in range(ITEMS)]
    items = {
        "item_id": [f"i{item:02}" for item in range(ITEMS)],
        "title": [" ".join(each) for each in words],
        "groups": [[["space", "kitchen"][item % 2]] for item in range(ITEMS)],
    }
    return {
        "interactions": pl.DataFrame(events),
        "items": pl.DataFrame(items),
        "users": pl.DataFrame({"user_id": range(USERS), "town": ["Rome", "Oslo"] * (USERS // 2)}),
    }


def shop(vectors: bool = False) -> chatrec.Dataset:
    """The shop, perhaps with vectors that tell its halves apart."""
    made = chatrec.Dataset.from_frames(**tables())
    if not vectors:
        return made
    random = np.random.default_rng(1)
    return made.with_vectors(np.eye(8)[np.arange(ITEMS) % 2] + random.normal(scale=0.3, size=(ITEMS, 8)))


def every_model() -> dict[str, Any]:
    """One of each public model, made to take less than a second."""
    models = chatrec.models
    quick: dict[str, Any] = {"AIGC": models.AIGC("next_item", minutes=0), "TwoTower": models.TwoTower(width=8)}
    return {name: quick.get(name) or getattr(models, name)() for name in models.__all__}
