"""Conversion between datasets and snapshots, so that the steps of a run can read a dataset."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from chatrec.data.dataset import Dataset, FrameKind
from chatrec.extract.extraction import SnapshotFacts
from chatrec.extract.schema import (
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
from chatrec.runs.run import write_atomically

PLAIN = {"item_id", "title", "groups", "available"}
VECTORS = "vectors.npy"


def write_dataset(dataset: Dataset, folder: Path) -> Snapshot:
    """Writes a dataset as a snapshot.

    Args:
        dataset: Dataset; its vectors go to VECTORS.
        folder: Folder of the snapshot, which exists and is empty.
    """
    users, items, events = dataset.users, dataset.items, dataset.interactions
    numbers = [frame.schema[name].is_integer() for frame, name in ((users, "user_id"), (items, "item_id"))]
    texts = [name for name in items.columns if name not in PLAIN]
    write_table(folder / USERS, users, users_schema(numbers[0], users.columns[1:]))
    write_table(folder / ITEMS, items, items_schema(numbers[1], texts))
    rows = {"user": events.event_users, "item": events.items, "occurred_at": events.times, "weight": events.weights}
    write_table(folder / INTERACTIONS, pl.DataFrame(rows).with_columns(event=pl.lit("event")), INTERACTIONS_SCHEMA)
    if dataset.vectors is not None:
        np.save(folder / VECTORS, dataset.vectors)
    kinds = ["bigint" if number else "text" for number in numbers]
    facts = SnapshotFacts(kinds[0], kinds[1], ())
    write_atomically(folder / SNAPSHOT, json.dumps(asdict(facts), indent=1))
    return Snapshot(folder)


def read_dataset(folder: Path, kind: FrameKind) -> Dataset:
    """Reads a dataset written by `write_dataset`.

    Args:
        folder: Folder of the snapshot.
        kind: Kind of the frames that models return.
    """
    snapshot, file = Snapshot(folder), folder / VECTORS
    vectors = np.load(file) if file.exists() else None
    return Dataset(snapshot.users, snapshot.items, snapshot.histories, vectors, kind)
