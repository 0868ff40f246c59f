"""Lists of a batch of users and their file format."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from chatrec.data.arrays import Array, FloatArray, IntArray

ENSEMBLE, SEARCHED, GROUP, POPULAR = KINDS = ("ensemble", "searched", "group", "popular")
"""Source of a list: the ensemble; for users without a history searches, popularity within the groups that match the
profile, or popularity."""
FALLBACKS = (SEARCHED, GROUP, POPULAR)
RECOMMENDATIONS, ATTENTION = "recommendations.parquet", "user_groups.parquet"
NAMES = "names.json"

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

ATTENTION_SCHEMA = pa.schema(
    [("user", pa.int32()), ("rank", pa.int16()), ("group", pa.int32()), ("attention", pa.float32())]
)


@dataclass(frozen=True)
class Lists:
    """Lists of a batch of users, users × N, the best first; items are PADDING where a list is shorter."""

    users: IntArray
    items: IntArray
    scores: FloatArray
    kind: str
    """One of KINDS."""
    group: IntArray
    because: IntArray
    shares: FloatArray | None = None
    """Share of each model in the score, users × N × models; None for fallbacks."""
    vectors: FloatArray | None = None
    """User vectors u, users × width; None for users without one."""

    def table(self, models: int) -> pa.Table:
        """Returns one row per recommendation, ordered by user and rank.

        Args:
            models: Number of models in the ensemble. Sources are numbered from 1: first the models, then the
                FALLBACKS.
        """
        filled = self.items >= 0
        n = self.items.shape[1]
        columns: dict[str, Any] = {
            "user": np.repeat(self.users, n).reshape(-1, n)[filled],
            "rank": np.broadcast_to(np.arange(1, n + 1), self.items.shape)[filled],
            "item": self.items[filled],
            "score": self.scores[filled],
            "source": self._source(models)[filled] + 1,
            "group": self.group[filled],
            "because": self.because[filled],
        }
        if self.shares is None:
            columns["shares"] = pa.nulls(len(columns["item"]), SCHEMA.field("shares").type)
        else:
            values = pa.array(self.shares[filled].ravel(), pa.float32())
            columns["shares"] = pa.FixedSizeListArray.from_arrays(values, models)
        return pa.table([pa.array(columns[name]) for name in SCHEMA.names], SCHEMA.names).cast(SCHEMA)

    def _source(self, models: int) -> Array:
        """Returns the model with the largest share for a row of the ensemble, else the fallback."""
        if self.shares is not None:
            return np.asarray(self.shares.argmax(2))
        return np.full(self.items.shape, models + FALLBACKS.index(self.kind))
