"""Audit of all lists of a run, in one pass.

It shares no code with the ranking, so that its findings are independent.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

COLUMNS = ["user", "rank", "item"]


@dataclass
class Audit:
    """Findings in the lists."""

    rows: int = 0
    users: int = 0
    """Number of users with a list."""
    not_full: int = 0
    """Number of users whose list is shorter than it could be."""
    duplicates: int = 0
    seen: int = 0
    unavailable: int = 0
    wrong_ranks: int = 0
    items_shown: int = 0


def audit(
    file: Path, histories: Interactions, recommendable: Array, top_n: int, exclude_seen: bool, active: Array
) -> Audit:
    """Audits the lists of a run.

    Args:
        file: File of the recommendations, ordered by user and rank.
        histories: Interactions of all users.
        recommendable: Availability of items, bool of shape (items,).
        top_n: Expected length of a list.
        exclude_seen: Whether items in a user's history count as faults.
        active: Whether a user gets a list, bool of shape (users,).
    """
    auditor = _Auditor(histories, recommendable)
    rest: pa.Table | None = None
    for batch in parquet.ParquetFile(file).iter_batches(columns=COLUMNS):
        block = pa.Table.from_batches([batch])
        block = block if rest is None else pa.concat_tables([rest, block])
        users = block["user"].to_numpy()
        complete = int(np.searchsorted(users, users[-1]))  # the last user's list may continue in the next batch
        auditor.add(block.slice(0, complete))
        rest = block.slice(complete)
    if rest is not None:
        auditor.add(rest)
    return auditor.result(top_n, exclude_seen, active)


class _Auditor:
    def __init__(self, histories: Interactions, recommendable: Array) -> None:
        self.recommendable = recommendable
        self.items = max(len(recommendable), 1)
        self.had = np.unique(histories.event_users * np.int64(self.items) + histories.items)
        self.lengths = np.zeros(histories.users, np.int64)
        self.shown = np.zeros(len(recommendable), bool)
        self.totals = Audit()

    def add(self, block: pa.Table) -> None:
        """Audits the complete lists of some users."""
        users, ranks, items = (block[name].to_numpy() for name in COLUMNS)
        pairs = users.astype(np.int64) * self.items + items
        distinct, starts, counts = np.unique(users, return_index=True, return_counts=True)
        self.lengths[distinct] = counts
        self.shown[items] = True
        self.totals.rows += len(users)
        self.totals.unavailable += int((~self.recommendable[items]).sum())
        self.totals.duplicates += len(pairs) - len(np.unique(pairs))
        self.totals.seen += self._count_had(pairs)
        self.totals.wrong_ranks += int((ranks != np.arange(len(users)) - np.repeat(starts, counts) + 1).sum())

    def _count_had(self, pairs: Array) -> int:
        if not len(self.had):
            return 0
        positions = np.minimum(np.searchsorted(self.had, pairs), len(self.had) - 1)
        return int((self.had[positions] == pairs).sum())

    def result(self, top_n: int, exclude_seen: bool, active: Array) -> Audit:
        possible = np.full(len(self.lengths), int(self.recommendable.sum()))
        if exclude_seen:
            good = self.had[self.recommendable[self.had % self.items]] if len(self.had) else self.had
            possible -= np.bincount(good // self.items, minlength=len(possible))
        self.totals.users = int((self.lengths > 0).sum())
        self.totals.not_full = int((active & (self.lengths < np.minimum(top_n, possible))).sum())
        self.totals.items_shown = int(self.shown.sum())
        return self.totals
