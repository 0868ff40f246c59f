"""Lists for the most frequent searches: matching items, the popular ones first."""

import numpy as np
import polars as pl

from chatrec.data.arrays import Array, BoolArray, FloatArray, top_k_per_group
from chatrec.data.interactions import Queries
from chatrec.features.search import matches
from chatrec.models.popularity import SMOOTHING

LONGEST = 200
"""Maximum length of a search that gets a list, in characters."""


def frequent(queries: Queries, most: int, least_users: int) -> list[str]:
    """Returns the searches made by the most users, the most frequent first.

    Args:
        queries: Searches of all users.
        most: Maximum number of searches.
        least_users: Minimum number of users per search.
    """
    users = np.repeat(np.arange(queries.users), queries.lengths)
    pairs = np.unique(users * np.int64(max(len(queries.texts), 1)) + queries.rows)
    count = np.bincount(pairs % max(len(queries.texts), 1), minlength=len(queries.texts))
    order = [row for row in np.argsort(-count, kind="stable") if count[row] >= least_users]
    return [text for row in order if len(text := queries.texts[row]) <= LONGEST][:most]


def answers(
    items: pl.DataFrame, queries: list[str], popular: FloatArray, possible: BoolArray, n: int
) -> dict[str, Array | pl.Series]:
    """Returns the best items of each search, scored by match times popularity, as shares per search.

    Args:
        items: Catalogue.
        queries: Searches.
        popular: Popularity of each item.
        possible: Availability of items, bool of shape (items,).
        n: Number of items per search.

    Returns:
        The columns query, rank, item and score.
    """
    matched = matches(items, queries).tocoo()
    row, item = matched.row.astype(np.int64), matched.col
    score = matched.data * np.where(possible, popular + SMOOTHING, 0)[item]
    score /= np.maximum(np.bincount(row, weights=score, minlength=len(queries)), np.finfo(float).tiny)[row]
    positive = score > 0
    row, item, score = row[positive], item[positive], score[positive]
    positions, rank = top_k_per_group(row, score, n)
    query = pl.Series(queries, dtype=pl.String).gather(row[positions])
    return {"query": query, "rank": rank, "item": item[positions], "score": score[positions]}
