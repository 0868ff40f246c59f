"""The best of each row, for scores in any order."""

import numpy as np

from chatrec.source.snapshot import Array


def ranked(rows: Array, scores: Array, n: int) -> tuple[Array, Array]:
    """The n best entries of each row.

    Args:
        rows: of each entry.
        scores: of each entry; of equal ones the earlier is better.
        n: how many a row keeps.

    Returns:
        Places of the entries, ordered by row and rank, and their ranks, from 1.
    """
    order = np.lexsort((-scores, rows))
    ordered = rows[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered) + 1
    kept = rank <= n
    return order[kept], rank[kept]
