"""What is left of a snapshot when events are held out of it: a snapshot of its own, with the targets beside it."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl

from chatrec.evaluation.holdout import Holdout
from chatrec.extract.schema import INTERACTIONS, INTERACTIONS_SCHEMA, ITEMS, QUARANTINE, SNAPSHOT, USERS
from chatrec.extract.snapshot import Snapshot
from chatrec.report.splits import write_table
from chatrec.runs.run import TAKEN_AT

TARGETS = "targets.npz"


def write_rest(snapshot: Snapshot, holdout: Holdout, folder: Path) -> None:
    """Writes the snapshot that fits may see, and TARGETS, which they never open.

    Queries stay behind: people search for what they take next, so they would tell what is held out.

    Args:
        snapshot: the whole.
        holdout: taken out of its histories.
        folder: of the new snapshot.
    """
    for name in (USERS, ITEMS, QUARANTINE, SNAPSHOT, TAKEN_AT):
        if (snapshot.folder / name).exists():
            shutil.copyfile(snapshot.folder / name, folder / name)
    left = holdout.histories
    events = {"user": left.event_users, "item": left.items, "occurred_at": left.times, "weight": left.weights}
    write_table(folder / INTERACTIONS, pl.DataFrame(events).with_columns(event=pl.lit("event")), INTERACTIONS_SCHEMA)
    np.savez(folder / TARGETS, users=holdout.users, starts=holdout.starts, targets=holdout.targets)


def load_holdout(folder: Path, exclude_seen: bool) -> Holdout:
    """The hold-out whose rest was written.

    Args:
        folder: of the snapshot of the rest.
        exclude_seen: as when it was chosen.
    """
    rest = Snapshot(folder)
    with np.load(folder / TARGETS) as saved:
        users, starts, targets = (saved[name] for name in ("users", "starts", "targets"))
    return Holdout(rest.histories, users, starts, targets, rest.items["available"].to_numpy(), exclude_seen)
