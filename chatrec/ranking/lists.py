"""The lists of a block of users, and how they are written down."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from chatrec.source.snapshot import Array

SOURCES = ("aigc", "group", "popular")
"""Where a row came from: AIGC's vectors, popularity in the groups that a profile attends to, popularity."""
EVIDENCE = ("behaviour", "language")
"""What the shares of a row add up from."""
NOBODY = -1
"""No item, no group."""

SCHEMA = pa.schema(
    [
        ("user", pa.int32()),
        ("rank", pa.int16()),
        ("item", pa.int32()),
        ("score", pa.float32()),
        ("source", pa.int16()),
        ("group", pa.int32()),
        ("because", pa.int32()),
        ("shares", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class Lists:
    """Lists of some users: users × N arrays, the best first; items are NOBODY where a list ends early."""

    users: Array
    items: Array
    scores: Array
    source: str
    group: Array
    because: Array
    shares: Array | None = None
    """users × N × EVIDENCE; None if a row has no such parts."""

    def table(self) -> pa.Table:
        """One row for each recommendation, in the order of users and ranks."""
        there = self.items >= 0
        n = self.items.shape[1]
        columns: dict[str, Any] = {
            "user": np.repeat(self.users, n).reshape(-1, n)[there],
            "rank": np.broadcast_to(np.arange(1, n + 1), self.items.shape)[there],
            "item": self.items[there],
            "score": self.scores[there],
            "source": np.full(int(there.sum()), SOURCES.index(self.source) + 1),
            "group": self.group[there],
            "because": self.because[there],
        }
        if self.shares is None:
            columns["shares"] = pa.nulls(len(columns["item"]), SCHEMA.field("shares").type)
        else:
            values = pa.array(self.shares[there].ravel(), pa.float32())
            columns["shares"] = pa.FixedSizeListArray.from_arrays(values, len(EVIDENCE))
        return pa.table({name: pa.array(values) for name, values in columns.items()}).cast(SCHEMA)
