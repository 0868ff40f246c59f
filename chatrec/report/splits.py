"""Evaluation on the splits of another tool: a split as a snapshot, and the lists as the file that the tool scores.

A split is a folder with train.csv.gz (user_id, item_id, rating, ts), candidates.csv.gz (item_id: the recommendable
items) and optionally queries.csv.gz (user_id, query, ts). Its targets are never opened.
"""

from pathlib import Path

import polars as pl

from chatrec.config.source import AdvancedText
from chatrec.errors import SettingsError
from chatrec.extract.catalogue import split_groups
from chatrec.extract.dataset_files import write_tables
from chatrec.extract.interactions import by_time
from chatrec.extract.item_order import content_digests, event_digests
from chatrec.extract.quarantine import Quarantine
from chatrec.extract.queries import COLUMNS, QueriesFile, oldest_kept
from chatrec.extract.schema import (
    INTERACTIONS_SCHEMA,
    QUARANTINE,
)
from chatrec.extract.snapshot import Snapshot
from chatrec.ranking.lists import RECOMMENDATIONS

MICROSECONDS = 1_000_000
QUERIES_CSV = "queries.csv.gz"


def write_snapshot(
    split: Path, items: Path, users: Path | None, separator: str, text: AdvancedText, folder: Path
) -> None:
    """Writes a snapshot of the training set.

    Args:
        split: Folder of the split.
        items: CSV file with item_id, title, groups and any text columns.
        users: CSV file with user_id and any attributes; None for ids only.
        separator: Separator between the groups of an item.
        text: Number and maximum age of searches to keep.
        folder: Folder of the snapshot.

    Raises:
        SettingsError: If a file or a column is missing.
    """
    train = _read(split / "train.csv.gz", ["user_id", "item_id", "ts"])
    candidates = _read(split / "candidates.csv.gz", ["item_id"])["item_id"]
    known_users = train.select("user_id").unique().sort("user_id")
    if users is not None:
        attributes = _read(users, ["user_id"]).unique("user_id", keep="first", maintain_order=True)
        known_users = known_users.join(attributes, on="user_id", how="left", maintain_order="left")
    catalogue = _items(_read(items, ["item_id", "title"]), train["item_id"], candidates, separator)
    catalogue = _ordered(catalogue, _events(train, known_users["user_id"], catalogue["item_id"]))
    events = _events(train, known_users["user_id"], catalogue["item_id"])
    quarantine = Quarantine(folder / QUARANTINE)
    if text.queries and (split / QUERIES_CSV).exists():
        _write_queries(split / QUERIES_CSV, known_users["user_id"], events["occurred_at"], text, folder, quarantine)
    quarantine.close()
    write_tables(known_users, catalogue, events, folder)


def write_recommendations(snapshot: Snapshot, lists: Path, out: Path, k: int) -> int:
    """Writes the lists as CSV with user_id, rank, item_id, and returns the number of rows.

    The file is compressed if its name ends in .gz.
    """
    rows = pl.read_parquet(lists / RECOMMENDATIONS, columns=["user", "rank", "item"]).filter(pl.col("rank") <= k)
    users, items = snapshot.users["user_id"], snapshot.items["item_id"]
    table = pl.DataFrame(
        {"user_id": users.gather(rows["user"]), "rank": rows["rank"], "item_id": items.gather(rows["item"])}
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    table.write_csv(out, compression="gzip" if out.suffix == ".gz" else "uncompressed")
    return len(rows)


def _read(file: Path, needed: list[str]) -> pl.DataFrame:
    if not file.is_file():
        raise SettingsError(f"There is no file {file}.")
    frame = pl.read_csv(file, infer_schema=False)
    if missing := [name for name in needed if name not in frame.columns]:
        raise SettingsError(f"{file} lacks the column {missing[0]}: it has {', '.join(frame.columns)}.")
    return frame


def _items(given: pl.DataFrame, taken: pl.Series, candidates: pl.Series, separator: str) -> pl.DataFrame:
    """Returns all items that have a description, an event, or are recommendable."""
    groups = pl.col("groups") if "groups" in given.columns else pl.lit(None, pl.String)
    ids = pl.concat([given["item_id"], taken, candidates]).unique().sort().to_frame("item_id")
    described = given.unique("item_id", keep="first", maintain_order=True)
    return (
        ids.join(described, on="item_id", how="left", maintain_order="left")
        .with_columns(split_groups(groups, separator).alias("groups"))
        .with_columns(available=pl.col("item_id").is_in(candidates.implode()))
    )


def _ordered(catalogue: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Returns items in an order that does not depend on their ids, except where they are alike in everything else."""
    keyed = catalogue.with_columns(
        content=pl.Series(content_digests(catalogue)), events=pl.Series(event_digests(events, catalogue.height))
    )
    return keyed.sort("content", "events", "available", "item_id").drop("content", "events")


def _events(train: pl.DataFrame, users: pl.Series, items: pl.Series) -> pl.DataFrame:
    """Returns events by user and time, as rows of INTERACTIONS."""
    user_rows = pl.DataFrame({"user_id": users, "user": pl.arange(len(users), dtype=pl.Int32, eager=True)})
    item_rows = pl.DataFrame({"item_id": items, "item": pl.arange(len(items), dtype=pl.Int32, eager=True)})
    joined = train.join(user_rows, on="user_id").join(item_rows, on="item_id")
    events = joined.with_columns(occurred_at=_time(), weight=pl.lit(1.0, pl.Float32), event=pl.lit("event"))
    return by_time(events.select(INTERACTIONS_SCHEMA.names))


def _time(strict: bool = True) -> pl.Expr:
    """Converts seconds to microseconds. If not strict, invalid numbers become null."""
    return (pl.col("ts").cast(pl.Float64, strict=strict) * MICROSECONDS).cast(pl.Int64, strict=strict)


def _write_queries(
    file: Path, users: pl.Series, times: pl.Series, text: AdvancedText, folder: Path, quarantine: Quarantine
) -> None:
    """Writes the newest searches of each user. No time in a split counts as in the future."""
    given = _read(file, ["user_id", "query", "ts"]).with_columns(occurred_at=_time(strict=False))
    newest = int(pl.concat([times, given["occurred_at"]]).drop_nulls().to_numpy().max(initial=0))
    since = oldest_kept(text.query_days, newest)
    recent = given.filter(pl.col("occurred_at").is_null() | (pl.col("occurred_at") >= since)).select(COLUMNS)
    ordered = recent.sort("user_id", "occurred_at", "query", descending=[False, True, False], nulls_last=True)
    with QueriesFile(folder, users, text.queries, newest, quarantine) as kept:
        kept.write(ordered, pl.repeat(False, ordered.height, eager=True))
