"""What answers the most frequent searches: items that are meant, the popular ones first."""

import numpy as np
import polars as pl

from chatrec.data.arrays import Array, top_k_per_group
from chatrec.data.interactions import Queries
from chatrec.features.search import matches
from chatrec.models.popularity import SMOOTHING

LONGEST = 200
"""Characters of a search that gets a list."""


def frequent(queries: Queries, most: int, least_users: int) -> list[str]:
    """The searches that most users made, the most frequent first.

    Args:
        queries: of all users.
        most: how many searches.
        least_users: who made each of them, at least.
    """
    users = np.repeat(np.arange(queries.users), queries.lengths)
    pairs = np.unique(users * np.int64(max(len(queries.texts), 1)) + queries.rows)
    count = np.bincount(pairs % max(len(queries.texts), 1), minlength=len(queries.texts))
    order = [row for row in np.argsort(-count, kind="stable") if count[row] >= least_users]
    return [text for row in order if len(text := queries.texts[row]) <= LONGEST][:most]


def answers(
    items: pl.DataFrame, asked: list[str], popular: Array, possible: Array, n: int
) -> dict[str, Array | pl.Series]:
    """The items that each search means: how well an item answers times its popularity, as shares of a search.

    Args:
        items: the catalogue.
        asked: searches.
        popular: of each item.
        possible: bool for each item: whether it may be shown.
        n: items of a search.

    Returns:
        query, rank, item and score.
    """
    found = matches(items, asked).tocoo()
    row, item = found.row.astype(np.int64), found.col
    score = found.data * np.where(possible, popular + SMOOTHING, 0)[item]
    score /= np.maximum(np.bincount(row, weights=score, minlength=len(asked)), np.finfo(float).tiny)[row]
    there = score > 0
    row, item, score = row[there], item[there], score[there]
    places, rank = top_k_per_group(row, score, n)
    query = pl.Series(asked, dtype=pl.String).gather(row[places])
    return {"query": query, "rank": rank, "item": item[places], "score": score[places]}
