"""Snapshot of a holdout: the remaining events, with the targets in a separate file."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl

from chatrec.evaluation.holdout import Holdout
from chatrec.extract.schema import (
    INTERACTIONS,
    INTERACTIONS_SCHEMA,
    ITEMS,
    QUARANTINE,
    SNAPSHOT,
    USERS,
    write_table,
)
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.run import TAKEN_AT

TARGETS = "targets.npz"


def write_holdout_snapshot(snapshot: Snapshot, holdout: Holdout, folder: Path) -> None:
    """Writes the snapshot for fitting, and TARGETS, which is never read in fitting.

    Searches are omitted: users search for the items that they take next, which would leak the targets.

    Args:
        snapshot: Full snapshot.
        holdout: Holdout of its histories.
        folder: Folder of the new snapshot.
    """
    for name in (USERS, ITEMS, QUARANTINE, SNAPSHOT, TAKEN_AT):
        if (snapshot.folder / name).exists():
            shutil.copyfile(snapshot.folder / name, folder / name)
    left = holdout.histories
    events = {"user": left.event_users, "item": left.items, "occurred_at": left.times, "weight": left.weights}
    write_table(folder / INTERACTIONS, pl.DataFrame(events).with_columns(event=pl.lit("event")), INTERACTIONS_SCHEMA)
    np.savez(folder / TARGETS, users=holdout.users, starts=holdout.starts, targets=holdout.targets)


def load_holdout(folder: Path, exclude_seen: bool) -> Holdout:
    """Loads the holdout of a snapshot written by `write_holdout_snapshot`.

    Args:
        folder: Folder of the snapshot.
        exclude_seen: As when the holdout was made.
    """
    rest = Snapshot(folder)
    with np.load(folder / TARGETS) as saved:
        users, starts, targets = (saved[name] for name in ("users", "starts", "targets"))
    return Holdout(rest.histories, users, starts, targets, rest.items["available"].to_numpy(), exclude_seen)
