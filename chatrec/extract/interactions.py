"""Valid events of known users on known items, with dense integer ids, sorted by user and time.

Whether an event is valid can change between runs (an item appears, a date is no longer in the future), so each run
validates all events; daily partitions keep everything as it was read.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from chatrec.data.interactions import LEAST_WEIGHT, MOST_WEIGHT, tie_order
from chatrec.extract.bounds import time_as_text
from chatrec.extract.item_order import order_twins
from chatrec.extract.quarantine import Quarantine, decode
from chatrec.extract.schema import INTERACTIONS, INTERACTIONS_SCHEMA, ITEMS, RowGroups
from chatrec.extract.unknown_ids import UnknownIds
from chatrec.extract.validation import Keys, dense, first_broken, wrong_times
from chatrec.extract.weights import WeightStatistics, damped

LOG = logging.getLogger("chatrec")
DEFAULT_EVENT = "event"
TOO_SMALL, TOO_LARGE = f"weight is smaller than {LEAST_WEIGHT:g}", f"weight is larger than {MOST_WEIGHT:g}"
ROWS_OF_A_BLOCK = 2_000_000


@dataclass(frozen=True)
class EventRules:
    """Facts that decide whether an event is valid."""

    users: pl.Series
    """Ids of USERS, in their order."""
    items: pl.Series
    """Ids of ITEMS, in their order."""
    untitled: pl.Series
    """Ids of quarantined items without a title."""
    now: int
    """Time of the snapshot, microseconds since 1970."""
    timed: bool
    """Whether events have times. If not, their time is 0."""
    keys: Keys
    """Rules about ids."""

    def reason(self) -> pl.Expr:
        """Reason of an invalid event; null for a valid one."""
        weight = pl.col("weight").fill_null(1.0)
        ids = [ids.name for ids in (self.users, self.items) if ids.dtype == pl.String]
        rules = {
            "user_id is null": pl.col("user_id").is_null(),
            "item_id is null": pl.col("item_id").is_null(),
            "not UTF-8": pl.col("not_utf8"),
            **(wrong_times(self.now) if self.timed else {}),
            "weight is not a finite number": ~weight.is_finite(),
            "weight is not positive": weight <= 0,
            TOO_SMALL: weight < LEAST_WEIGHT,
            TOO_LARGE: weight > MOST_WEIGHT,
            **self.keys.rules(*ids),
            "unknown user": pl.col("user").is_null(),
            "item without a title": pl.col("item").is_null() & pl.col("item_id").is_in(self.untitled.implode()),
            "unknown item": pl.col("item").is_null(),
        }
        return first_broken(rules)


def write_interactions(
    events: pl.LazyFrame, rules: EventRules, folder: Path, quarantine: Quarantine
) -> tuple[int, WeightStatistics | None]:
    """Write INTERACTIONS. Items of the same content are put in order, which rewrites ITEMS; see `order_twins`.

    Args:
        events: Columns user_id, item_id, event, weight, occurred_at.
        rules: Rules of valid events.
        folder: Folder of the snapshot.
        quarantine: Quarantine for invalid events.

    Returns:
        Number of valid events, and the statistics of their weights if these look like amounts and were damped.
    """
    unknown = {"unknown user": UnknownIds("user_id", rules.users), "unknown item": UnknownIds("item_id", rules.items)}
    good = [pl.DataFrame(pl.from_arrow(INTERACTIONS_SCHEMA.empty_table()))]
    total = int(events.select(pl.len()).collect().item())
    for start in range(0, total, ROWS_OF_A_BLOCK):
        rows, not_utf8 = _decoded(events.slice(start, ROWS_OF_A_BLOCK).collect())
        joined = (
            rows.with_columns(not_utf8=not_utf8)
            .join(dense(rules.users, "user_id", "user"), on="user_id", how="left", maintain_order="left")
            .join(dense(rules.items, "item_id", "item"), on="item_id", how="left", maintain_order="left")
            .with_columns(reason=rules.reason())
        )
        for reason, ids in unknown.items():
            ids.add(joined[ids.name], joined["reason"].eq_missing(reason))
        bad = joined.filter(pl.col("reason").is_not_null())
        quarantine.add("interactions", _as_read(bad), bad["reason"])
        good.append(joined.filter(pl.col("reason").is_null()).select(_kept_columns()))
    for sentence in filter(None, (ids.sentence() for ids in unknown.values())):
        LOG.warning("%s", sentence)
    valid, amounts = damped(pl.concat(good))
    ordered = by_time(order_twins(folder / ITEMS, valid))
    with RowGroups(folder / INTERACTIONS, INTERACTIONS_SCHEMA) as file:
        file.write(ordered.to_arrow())
    return file.rows, amounts


def by_time(events: pl.DataFrame) -> pl.DataFrame:
    """Sort rows of INTERACTIONS by user and time. Ties are in an order of the user's own: see `tie_order`."""
    ties = pl.Series("tie", tie_order(events["user"].to_numpy(), events["item"].to_numpy()))
    return events.with_columns(ties).sort("user", "occurred_at", "tie", "item", "event", "weight").drop("tie")


def _decoded(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Decode text columns; returns the rows and a mask of rows that are not UTF-8."""
    not_utf8 = pl.Series("not_utf8", [False]).new_from_index(0, rows.height)
    for name in ("user_id", "item_id", "event"):
        if rows.schema[name] == pl.Binary:
            texts, bad = decode(rows[name])
            rows = rows.with_columns(texts.alias(name))
            not_utf8 = not_utf8 | bad
    return rows, not_utf8


def _as_read(bad: pl.DataFrame) -> pl.DataFrame:
    return bad.select("user_id", "item_id", "event", "weight", time_as_text())


def _kept_columns() -> list[pl.Expr]:
    return [
        pl.col("user"),
        pl.col("item"),
        pl.col("occurred_at").fill_null(0),
        pl.col("weight").fill_null(1.0).cast(pl.Float32),
        pl.col("event").fill_null(DEFAULT_EVENT),
    ]
