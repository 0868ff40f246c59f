"""Numbers as features: two values are like each other as a Gaussian of their distance says."""

import re

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array

YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
MOSTLY = 0.9
"""A column of texts is a column of numbers if so many of its values are."""


def years(titles: list[str]) -> Array:
    """The last year that each title names, NaN without one."""
    found = [YEAR.findall(title) for title in titles]
    return np.array([float(each[-1]) if each else np.nan for each in found])


def numbers(column: pl.Series) -> Array | None:
    """The values of a column of numbers, NaN where there is none; None if it holds something else."""
    given = column.str.strip_chars().replace("", None)
    values = given.cast(pl.Float64, strict=False)
    if not given.count() or values.count() < MOSTLY * given.count():
        return None
    found: Array = values.fill_null(np.nan).to_numpy().astype(np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def bumps(values: Array, deviation: float) -> csr_matrix:
    """Features whose inner product is exp(-(x - y)² / 4 s²), near enough.

    Args:
        values: of each item, NaN for unknown, which gives an empty row.
        deviation: s.

    Returns:
        items × bumps, rows of unit length.
    """
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return csr_matrix((len(values), 1), dtype=np.float32)
    centres = np.arange(values[known].min() - 2 * deviation, values[known].max() + 2 * deviation + 1e-9, deviation)
    distance = (values[known, None] - centres) / deviation
    height = np.where(np.abs(distance) < 4, np.exp(-(distance**2) / 2), 0)
    height /= np.linalg.norm(height, axis=1, keepdims=True)
    row, column = np.nonzero(height)
    shape = (len(values), len(centres))
    return csr_matrix((height[row, column].astype(np.float32), (known[row], column)), shape=shape)
