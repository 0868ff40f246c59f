"""Candidates of everybody: what rules want to show, whether or not a channel gathers it."""

import numpy as np

from chatrec.data.arrays import Array
from chatrec.ranking.rules.constraints import admitted
from chatrec.ranking.rules.rules import Rules

RAISED = 500
"""Items that factors raise most."""
SPARE = 20
"""Of popular items so many times more than caps let in and a list has places: who had some of them has others."""
LOOKED_THROUGH = 20_000
"""Popular items among which these are found."""


def suggested(rules: Rules, possible: Array, popular: Array, indexed: Array, top_n: int) -> Array:
    """Rows of items: those that are pinned, those that factors raise most, and popular ones that keep the caps.

    Args:
        rules: of the night.
        possible: bool for each item: whether it may be shown.
        popular: of each item; among equally raised ones it decides.
        indexed: rows of the items that the index finds; a popular one that it does not find is suggested.
        top_n: places of a list.
    """
    rows = np.flatnonzero(possible)
    rows = rows[np.argsort(-popular[rows], kind="stable")]
    found = [rules.pinned[possible[rules.pinned]], rows[~np.isin(rows, indexed)][:RAISED]]
    if rules.log_factors is not None:
        found.append(rows[np.argsort(-rules.log_factors[rows], kind="stable")][:RAISED])
    if rules.caps:
        first = rows[None, :LOOKED_THROUGH]
        caps = [(cap.codes, SPARE * cap.at_most) for cap in rules.caps]
        columns = admitted(first, np.arange(first.shape[1])[None], caps, SPARE * top_n)
        found.append(first[0, columns[columns >= 0]])
    return np.unique(np.concatenate(found)).astype(np.int32)
