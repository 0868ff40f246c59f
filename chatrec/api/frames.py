"""Frames that estimators return, and checks of their arguments."""

import warnings
from typing import Any

import numpy as np
import polars as pl

from chatrec.data.arrays import FloatArray, IntArray
from chatrec.data.dataset import FrameKind
from chatrec.errors import DataError, ShortLists


def as_kind(frame: pl.DataFrame, kind: FrameKind) -> Any:
    """Converts to the kind of frame that the data came in."""
    if kind == "pandas":
        return frame.to_pandas()
    return frame.to_arrow() if kind == "arrow" else frame


def lists_frame(
    owners: tuple[str, pl.Series], members: tuple[str, pl.Series], items: IntArray, scores: FloatArray
) -> pl.DataFrame:
    """One row per slot of a list, ordered by owner and rank.

    Args:
        owners: Name of the first column, and its value for each list.
        members: Name of the column of members, and the ids that `items` are rows of.
        items: owners × slots, the best first, -1 where a list ends.
        scores: Scores of the same shape.
    """
    filled = items >= 0
    rows, slots = np.nonzero(filled)
    return pl.DataFrame(
        {
            owners[0]: owners[1].gather(rows),
            "rank": (slots + 1).astype(np.int32),
            members[0]: members[1].gather(items[filled]),
            "score": scores[filled].astype(np.float32),
        }
    )


def whole(value: Any, name: str = "k") -> int:
    """A positive whole number.

    Raises:
        DataError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise DataError(f"{name} is {value!r}: it must be a whole number of at least 1.")
    return int(value)


def warn_of_short(items: IntArray, k: int, owners: str) -> None:
    """Warns if a list has fewer than k items."""
    short = int(((items >= 0).sum(1) < k).sum())
    if short:
        warnings.warn(
            f"{short:,} of {len(items):,} {owners} have fewer than k={k} items: no other item is available, unseen and "
            "known to the model.",
            ShortLists,
            stacklevel=3,
        )
