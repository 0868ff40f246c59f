"""Read a snapshot: ids, texts, histories and search queries."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from pyarrow import parquet

from chatrec.data.arrays import Array, BoolArray, IntArray
from chatrec.data.interactions import Interactions, Queries, starts_of
from chatrec.data.new_items import FROM_THE_START
from chatrec.extract.extraction import SnapshotFacts
from chatrec.extract.schema import ACTIVE, ARRIVED_AT, INTERACTIONS, ITEMS, QUARANTINE, QUERIES, SNAPSHOT, USERS
from chatrec.runs.run import TAKEN_AT
from chatrec.runs.sealed import read_json


class Snapshot:
    """A snapshot in a folder. Files are loaded on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def facts(self) -> SnapshotFacts:
        """Types of ids, and names of daily partitions."""
        values = read_json(self.folder / SNAPSHOT)
        return SnapshotFacts(**{**values, "partitions": tuple(values["partitions"])})

    @cached_property
    def taken_at(self) -> int:
        """Time of the snapshot in microseconds since 1970; 0 for a split made from files."""
        file = self.folder / TAKEN_AT
        return int(read_json(file)["taken_at"]) if file.exists() else 0

    @cached_property
    def users(self) -> pl.DataFrame:
        """Columns user_id, active and attributes. The row number identifies the user everywhere else."""
        return pl.read_parquet(self.folder / USERS)

    @cached_property
    def active(self) -> BoolArray:
        """Whether each user gets lists, bool of shape (users,); false for an erased user."""
        if ACTIVE not in self.users.columns:
            return np.ones(self.users.height, bool)
        return self.users[ACTIVE].fill_null(False).to_numpy()

    @cached_property
    def items(self) -> pl.DataFrame:
        """Columns item_id, title, groups, available, arrived_at and texts.

        The row number identifies the item everywhere else.
        """
        return pl.read_parquet(self.folder / ITEMS)

    @cached_property
    def arrived_at(self) -> IntArray:
        """Time at which each item appeared, microseconds since 1970; FROM_THE_START for those of the first run."""
        if ARRIVED_AT not in self.items.columns:
            return np.full(self.items.height, FROM_THE_START)
        return self.items[ARRIVED_AT].fill_null(FROM_THE_START).to_numpy()

    @cached_property
    def item_count(self) -> int:
        """Number of items, without loading them."""
        return int(parquet.ParquetFile(self.folder / ITEMS).metadata.num_rows)

    def item_blocks(self, rows: int) -> Iterator[pl.DataFrame]:
        """Yield `items` in blocks of at most `rows` rows, for catalogues that do not fit into memory."""
        with parquet.ParquetFile(self.folder / ITEMS) as file:
            for batch in file.iter_batches(rows):
                yield pl.DataFrame(pl.from_arrow(batch))

    @cached_property
    def histories(self) -> Interactions:
        """All interactions, by user."""
        events = pl.read_parquet(self.folder / INTERACTIONS, columns=["user", "item", "weight", "occurred_at"])
        return Interactions(
            starts_of(events["user"].to_numpy(), self.users.height),
            events["item"].to_numpy(),
            events["weight"].to_numpy(),
            events["occurred_at"].to_numpy(),
        )

    @property
    def newest(self) -> int:
        """Time of the newest event or query, microseconds since 1970."""
        return max(int(rows.times.max(initial=0)) for rows in (self.histories, self.queries))

    @cached_property
    def queries(self) -> Queries:
        """Latest search queries by user; empty if queries are not mapped."""
        file = self.folder / QUERIES
        if not file.exists():
            return Queries.none(self.users.height)
        queries = pl.read_parquet(file)
        texts = queries["query"].unique().sort()
        numbers = pl.DataFrame({"query": texts, "row": pl.arange(len(texts), dtype=pl.Int32, eager=True)})
        rows = queries.join(numbers, on="query", how="left", maintain_order="left")["row"]
        return Queries(
            starts_of(queries["user"].to_numpy(), self.users.height),
            texts.to_list(),
            rows.to_numpy(),
            queries["occurred_at"].to_numpy(),
        )

    @cached_property
    def available(self) -> Array:
        """Rows of the items that are available, int32."""
        return np.flatnonzero(self.items["available"].to_numpy()).astype(np.int32)

    def quarantined(self) -> pl.DataFrame:
        """Columns relation, reason and row_data of the quarantined rows."""
        return pl.read_parquet(self.folder / QUARANTINE)
