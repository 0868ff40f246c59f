"""Weights that look like amounts, such as the price of an order line: each counts relative to its item's median.

Otherwise the dearest items would be the most popular ones.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

DISTINCT_WEIGHTS, TIMES_THE_MEDIAN = 20, 20
MISTAKE = 1e6
"""Multiple of the median from which a weight is no number of clicks: one event would be the whole popularity."""
LEAST, MOST = 0.5, 2.0


@dataclass(frozen=True)
class WeightStatistics:
    """Statistics of the weights of all valid events."""

    distinct: int
    smallest: float
    median: float
    largest: float

    @classmethod
    def of(cls, weights: pl.Series) -> "WeightStatistics":
        """Compute the statistics of a column without nulls."""
        if weights.is_empty():
            return cls(0, 0.0, 0.0, 0.0)
        values = weights.to_numpy()
        return cls(weights.n_unique(), float(values.min()), float(np.median(values)), float(values.max()))

    @property
    def look_like_amounts(self) -> bool:
        """Whether the largest weight is far above the median, and there are many, or it is absurd."""
        least = TIMES_THE_MEDIAN if self.distinct > DISTINCT_WEIGHTS else MISTAKE
        return self.largest > least * self.median


def amounts_sentence(smallest: float, largest: float) -> str:
    """Say that weights in a range look like amounts, and what is done about it."""
    return (
        f"weight ranges from {_number(smallest)} to {_number(largest)}, which looks like an amount: each weight is "
        f"divided by the median of its item and kept between {LEAST:g} and {MOST:g}. Leave weight out of "
        "source.interactions, or give a small number, such as 1 for a view and 5 for an order."
    )


def damped(events: pl.DataFrame) -> tuple[pl.DataFrame, WeightStatistics | None]:
    """Damp weights that look like amounts.

    Args:
        events: Columns item and weight, among others.

    Returns:
        The events, and the statistics of their weights before; None if these are ordinary.
    """
    statistics = WeightStatistics.of(events["weight"])
    if not statistics.look_like_amounts:
        return events, None
    relative = pl.col("weight") / pl.col("weight").median().over("item")
    return events.with_columns(weight=relative.clip(LEAST, MOST).cast(pl.Float32)), statistics


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
