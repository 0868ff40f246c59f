"""Fairness audit of the lists of a run, for providers and users: two small tables published with the lists."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from pyarrow import parquet

from chatrec.data.arrays import Array, IntArray
from chatrec.evaluation import metrics
from chatrec.ranking.fairness.providers import share_of

if TYPE_CHECKING:
    from chatrec.ranking.fairness.fairness import Fairness

EXPOSURE, BY_ATTRIBUTE = "exposure.parquet", "metric_by_attribute.parquet"
EXPOSURE_SCHEMA = {
    "provider": pl.String,
    "items": pl.Float32,
    "target": pl.Float32,
    "owed": pl.Float32,
    "before": pl.Float32,
    "exposure": pl.Float32,
    "price": pl.Float32,
}
BY_ATTRIBUTE_SCHEMA = {
    "attribute": pl.String,
    "value": pl.String,
    "metric": pl.String,
    "users": pl.Int32,
    "mean": pl.Float32,
    "low": pl.Float32,
    "high": pl.Float32,
}
FEWEST_USERS = 10
"""Minimum number of held-out users per attribute value. A mean over fewer would reveal single users."""


def exposure_of(fairness: "Fairness", lists: Path) -> pl.DataFrame:
    """Returns the exposure of each provider in the lists.

    Args:
        fairness: Fairness of the run.
        lists: File of the recommendations.
    """
    total = np.zeros(len(fairness.providers.names))
    for batch in parquet.ParquetFile(lists).iter_batches(columns=["item", "rank"]):
        items, ranks = (batch.column(name).to_numpy() for name in ("item", "rank"))
        total += fairness.providers.mass(items, metrics.discounts(int(ranks.max(initial=0)))[ranks - 1])
    return pl.DataFrame(
        {
            "provider": fairness.providers.names,
            "items": fairness.providers.items,
            "target": fairness.target,
            "owed": fairness.owed,
            "before": fairness.before,
            "exposure": share_of(total),
            "price": fairness.prices,
        },
        schema=EXPOSURE_SCHEMA,
    )


def by_attribute(
    users: pl.DataFrame, rows: IntArray, values: Array, attributes: Sequence[str], seed: int
) -> pl.DataFrame:
    """Returns NDCG@10 of held-out users by attribute value, with its 95 % interval.

    Args:
        users: All users with their attributes.
        rows: Rows of the held-out users.
        values: NDCG@10 of each held-out user.
        attributes: Columns of `users`.
        seed: Seed of the bootstrap.
    """
    return pl.DataFrame(list(_means(users[rows], values, attributes, seed)), BY_ATTRIBUTE_SCHEMA, orient="row")


def _means(users: pl.DataFrame, values: Array, attributes: Sequence[str], seed: int) -> Iterator[tuple[Any, ...]]:
    for attribute in attributes:
        given = users[attribute]
        for value in given.drop_nulls().unique().sort():
            chosen = values[(given == value).fill_null(False).to_numpy()]
            if len(chosen) >= FEWEST_USERS:
                yield attribute, value, "ndcg@10", len(chosen), *metrics.interval(chosen, seed)


def nothing() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Returns both tables without rows, for a run without fairness settings."""
    return pl.DataFrame(schema=EXPOSURE_SCHEMA), pl.DataFrame(schema=BY_ATTRIBUTE_SCHEMA)
