"""Histories whose events come in baskets."""

import numpy as np

from chatrec.data.interactions import Interactions

Baskets = list[list[list[int]]]
"""Of each user the baskets, of each basket the items."""


def basket_histories(of_users: Baskets) -> Interactions:
    flat = [(item, time) for user in of_users for time, basket in enumerate(user) for item in basket]
    lengths = [sum(map(len, user)) for user in of_users]
    items, times = np.array(flat, np.int64).reshape(-1, 2).T
    return Interactions(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        items.astype(np.int32),
        np.ones(len(items), np.float32),
        times,
    )
