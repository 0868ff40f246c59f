"""The change of lists between two runs, on a sample of the users of both."""

from pathlib import Path

import numpy as np
import polars as pl

from chatrec.extract.snapshot import Snapshot

SAMPLED = 10_000
"""Maximum number of users whose lists are compared."""


def list_change(before: tuple[Snapshot, Path], now: tuple[Snapshot, Path]) -> float | None:
    """Returns the share of list places whose item was not in the earlier list of the same user.

    Args:
        before: Snapshot and file of the recommendations of the earlier run.
        now: The same of this run.

    Returns:
        The share, 1 if no user is in both runs; None if none of them has a list, or ids are of another type.
    """
    ids = [run.users.select("user_id").with_row_index("user") for run, _ in (before, now)]
    if ids[0].schema != ids[1].schema or before[0].items.schema["item_id"] != now[0].items.schema["item_id"]:
        return None
    both = ids[0].join(ids[1], on="user_id", suffix="_now")
    if not both.height:
        return 1.0
    both = both[np.sort(np.random.default_rng(0).permutation(both.height)[:SAMPLED])]
    earlier, lists = _lists(*before, both["user"]), _lists(*now, both["user_now"])
    lists = lists.join(earlier, on="user_id", how="semi")
    kept = lists.join(earlier, on=["user_id", "item_id"], how="semi").height
    return 1 - kept / lists.height if lists.height else None


def _lists(snapshot: Snapshot, file: Path, users: pl.Series) -> pl.DataFrame:
    """Returns user_id and item_id of the lists of some users, given as rows."""
    lists = pl.scan_parquet(file).select("user", "item").filter(pl.col("user").is_in(users.cast(pl.Int32).implode()))
    rows = lists.collect(engine="streaming")
    users_of, items_of = snapshot.users["user_id"], snapshot.items["item_id"]
    return pl.DataFrame({"user_id": users_of.gather(rows["user"]), "item_id": items_of.gather(rows["item"])})
