"""Features of numbers: the similarity of two values is a Gaussian of their distance."""

import re

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array, unit

YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
NUMERIC_SHARE = 0.9
"""Share of values that must be numbers for a column of text to count as numeric."""


def years(titles: list[str]) -> Array:
    """Last year in each title, NaN without one."""
    named = [YEAR.findall(title) for title in titles]
    return np.array([float(matches[-1]) if matches else np.nan for matches in named])


def numbers(column: pl.Series) -> Array | None:
    """Values of a numeric column, float64, NaN for missing ones; None if the column is not numeric."""
    given = column.str.strip_chars().replace("", None)
    values = given.cast(pl.Float64, strict=False)
    if not given.count() or values.count() < NUMERIC_SHARE * given.count():
        return None
    parsed: Array = values.fill_null(np.nan).to_numpy().astype(np.float64)
    return np.where(np.isfinite(parsed), parsed, np.nan)


def bumps(values: Array, deviation: float) -> csr_matrix:
    """Features whose inner product approximates exp(-(x - y)² / 4 s²).

    Args:
        values: Value of each item. NaN gives an empty row.
        deviation: Standard deviation s.

    Returns:
        items × bumps, rows of unit length.
    """
    present = np.flatnonzero(np.isfinite(values))
    if not len(present):
        return csr_matrix((len(values), 1), dtype=np.float32)
    centres = np.arange(values[present].min() - 2 * deviation, values[present].max() + 2 * deviation + 1e-9, deviation)
    distance = (values[present, None] - centres) / deviation
    height = np.where(np.abs(distance) < 4, np.exp(-(distance**2) / 2), 0)
    height = unit(height)
    row, column = np.nonzero(height)
    shape = (len(values), len(centres))
    return csr_matrix((height[row, column].astype(np.float32), (present[row], column)), shape=shape)
