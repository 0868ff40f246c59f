"""Candidates that rules add for all users, whether or not a model retrieves them."""

import numpy as np

from chatrec.data.arrays import Array, BoolArray, FloatArray, IntArray
from chatrec.ranking.rules.constraints import admitted
from chatrec.ranking.rules.rules import Rules

RAISED = 500
"""Number of candidates with the largest factors."""
SPARE = 20
"""Multiple of caps and list length up to which popular items are kept, to replace those that users have seen."""
LOOKED_THROUGH = 20_000
"""Number of most popular items to search."""


def rule_candidates(rules: Rules, possible: BoolArray, popular: FloatArray, indexed: IntArray, top_n: int) -> Array:
    """Returns rows of items: pinned items, those with the largest factors, and popular ones that satisfy the caps.

    Args:
        rules: Rules of the run.
        possible: Availability of items, bool of shape (items,).
        popular: Popularity of each item; breaks ties among equal factors.
        indexed: Rows of the items in the index. Popular items outside it are candidates too.
        top_n: Length of a list.
    """
    rows = np.flatnonzero(possible)
    rows = rows[np.argsort(-popular[rows], kind="stable")]
    parts = [rules.pinned[possible[rules.pinned]], rows[~np.isin(rows, indexed)][:RAISED]]
    if rules.log_factors is not None:
        parts.append(rows[np.argsort(-rules.log_factors[rows], kind="stable")][:RAISED])
    if rules.caps:
        first = rows[None, :LOOKED_THROUGH]
        caps = [(cap.codes, SPARE * cap.at_most) for cap in rules.caps]
        columns = admitted(first, np.arange(first.shape[1])[None], caps, SPARE * top_n)
        parts.append(first[0, columns[columns >= 0]])
    return np.unique(np.concatenate(parts)).astype(np.int32)
