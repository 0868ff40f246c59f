"""Conversion between datasets and snapshots, so that the steps of a run can read a dataset."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from chatrec.data.dataset import Dataset, FrameKind
from chatrec.extract.extraction import SnapshotFacts
from chatrec.extract.schema import (
    ACTIVE,
    ARRIVED_AT,
    INTERACTIONS,
    INTERACTIONS_SCHEMA,
    ITEMS,
    SNAPSHOT,
    USERS,
    items_schema,
    users_schema,
    write_table,
)
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.sealed import write_json

PLAIN = {"item_id", "title", "groups", "available", ARRIVED_AT}
VECTORS = "vectors.npy"


def write_dataset(dataset: Dataset, folder: Path) -> Snapshot:
    """Writes a dataset as a snapshot.

    Args:
        dataset: Dataset; its vectors go to VECTORS.
        folder: Folder of the snapshot, which exists and is empty.
    """
    events = dataset.interactions
    rows = {"user": events.event_users, "item": events.items, "occurred_at": events.times, "weight": events.weights}
    if dataset.vectors is not None:
        np.save(folder / VECTORS, dataset.vectors)
    write_tables(dataset.users, dataset.items, pl.DataFrame(rows).with_columns(event=pl.lit("event")), folder)
    return Snapshot(folder)


def write_tables(users: pl.DataFrame, items: pl.DataFrame, events: pl.DataFrame, folder: Path) -> None:
    """Writes the tables of a snapshot and its facts, which come last. Ids are whole numbers or text.

    Args:
        users: user_id first, then attributes. All users are active.
        items: item_id, title, groups, available and text columns. When an item arrived is not known.
        events: Rows of the table INTERACTIONS.
        folder: Folder of the snapshot.
    """
    numbers = [frame.schema[name].is_integer() for frame, name in ((users, "user_id"), (items, "item_id"))]
    texts = [name for name in items.columns if name not in PLAIN]
    attributes = [name for name in users.columns[1:] if name != ACTIVE]
    write_table(folder / USERS, users.with_columns(pl.lit(True).alias(ACTIVE)), users_schema(numbers[0], attributes))
    items = items.with_columns(pl.lit(None, pl.Int64).alias(ARRIVED_AT))
    write_table(folder / ITEMS, items, items_schema(numbers[1], texts))
    write_table(folder / INTERACTIONS, events, INTERACTIONS_SCHEMA)
    user_type, item_type = ("bigint" if number else "text" for number in numbers)
    write_json(folder / SNAPSHOT, asdict(SnapshotFacts(user_type, item_type, ())))


def read_dataset(folder: Path, kind: FrameKind) -> Dataset:
    """Reads a dataset written by `write_dataset`.

    Args:
        folder: Folder of the snapshot.
        kind: Kind of the frames that models return.
    """
    snapshot, file = Snapshot(folder), folder / VECTORS
    vectors = np.load(file) if file.exists() else None
    users, items = snapshot.users.drop(ACTIVE, strict=False), snapshot.items.drop(ARRIVED_AT, strict=False)
    return Dataset(users, items, snapshot.histories, vectors, kind)
