"""The order of items, which depends on their contents and events and not on their ids or their place in a file.

Row numbers decide ties and the initial values of an item. If ids decided row numbers, results would change when a shop
renumbers its items.
"""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import parquet

from chatrec.data.arrays import Array
from chatrec.data.interactions import tie_order
from chatrec.extract.schema import ARRIVED_AT, RowGroups
from chatrec.runs.files import replacing

NO_CONTENT = {"item_id", "available", ARRIVED_AT}


def content_digests(items: pl.DataFrame) -> Array:
    """Digest of each item's title, groups, texts and attributes, uint64."""
    rows = items.select(pl.exclude(*NO_CONTENT)).iter_rows()
    digests = b"".join(hashlib.blake2b(repr(row).encode(), digest_size=8).digest() for row in rows)
    return np.frombuffer(digests, np.uint64)


def event_digests(events: pl.DataFrame, count: int) -> Array:
    """Digest of the users and times of each item's events, whatever their order, uint64.

    Args:
        events: Rows of INTERACTIONS.
        count: Number of items.
    """
    users, items, times = (events[name].to_numpy() for name in ("user", "item", "occurred_at"))
    digests = np.zeros(count, np.uint64)
    np.add.at(digests, items, tie_order(users, tie_order(np.zeros_like(users), times) >> np.uint64(32)))
    return digests


def order_twins(file: Path, events: pl.DataFrame) -> pl.DataFrame:
    """Order items of the same content by their events.

    Args:
        file: ITEMS, sorted by content. Rewritten if twins are not in order.
        events: Rows of INTERACTIONS.

    Returns:
        The events, with the new rows of their items.
    """
    content = _content(file)
    groups = np.cumsum(np.append(False, content[1:] != content[:-1]))[: len(content)]
    if not len(groups) or groups[-1] + 1 == len(groups):
        return events
    order = np.lexsort((event_digests(events, len(groups)), groups))
    if (order == np.arange(len(order))).all():
        return events
    _rewrite(file, order, groups)
    rows = np.argsort(order).astype(np.int32)
    return events.with_columns(item=pl.Series(rows[events["item"].to_numpy()]))


def _content(file: Path) -> Array:
    """Digests that are equal for items of equal content; they hold in this process only."""
    with parquet.ParquetFile(file) as items:
        blocks = (pl.DataFrame(pl.from_arrow(batch)) for batch in items.iter_batches())
        digests = [block.select(pl.exclude(*NO_CONTENT)).hash_rows().to_numpy() for block in blocks]
    return np.concatenate([np.empty(0, np.uint64), *digests])


def _rewrite(file: Path, order: Array, groups: Array) -> None:
    """Rewrite a file with its rows in another order within groups, a block at a time."""
    with replacing(file) as partial, parquet.ParquetFile(file) as old, RowGroups(partial, old.schema_arrow) as rows:
        start, waiting = 0, old.schema_arrow.empty_table()
        for batch in old.iter_batches():
            waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
            end = start + waiting.num_rows
            complete = end if end == len(order) else int(np.searchsorted(groups, groups[end - 1]))
            rows.write(waiting.take(order[start:complete] - start))
            start, waiting = complete, waiting.slice(complete - start)
