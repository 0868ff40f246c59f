"""Output tables of a run: their columns and the source of their rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pyarrow import parquet

from chatrec.aigc.groups import GROUPS, MEMBERS
from chatrec.extract.snapshot import Snapshot
from chatrec.generation import BLURBS, GROUP_NAMES
from chatrec.ranking.fairness.audit import BY_ATTRIBUTE, BY_ATTRIBUTE_SCHEMA, EXPOSURE, EXPOSURE_SCHEMA
from chatrec.ranking.lists import ATTENTION, RECOMMENDATIONS
from chatrec.ranking.tables.schema import POPULAR, QUERIES, SIMILAR, TRENDING

Frames = Iterator[pl.DataFrame]


@dataclass(frozen=True)
class Files:
    """Folders that the outputs are read from."""

    snapshot: Snapshot
    groups: Path
    written: Path
    """Folder of the step generate."""
    lists: Path
    tables: Path


@dataclass(frozen=True)
class Output:
    """A table `<name>_by_run` and a view `<name>`."""

    name: str
    columns: tuple[str, ...]
    """Columns of the frames, in order. The table adds the run."""
    key: tuple[str, ...]
    """Primary key, as in the migration."""
    frames: Callable[[Files], Frames]

    @property
    def table(self) -> str:
        """Name of the partitioned table."""
        return f"{self.name}_by_run"

    def partition(self, run: int) -> str:
        """Returns the name of the table of one run."""
        return f"{self.name}_r{run}"


def _items(files: Files) -> Frames:
    yield files.snapshot.items.select("item_id", "title")


def _groups(files: Files) -> Frames:
    groups = pl.read_parquet(files.groups / GROUPS).with_columns(pl.read_parquet(files.written / GROUP_NAMES)["name"])
    yield groups.with_row_index("group_id").select("group_id", "name", "items")


def _item_groups(files: Files) -> Frames:
    members = pl.read_parquet(files.groups / MEMBERS).sort("item", "group")
    ids = files.snapshot.items["item_id"]
    yield members.select(_id(ids, "item").alias("item_id"), pl.col("group").alias("group_id"))


def _user_groups(files: Files) -> Frames:
    ids = files.snapshot.users["user_id"]
    for block in _blocks(files.lists / ATTENTION):
        yield block.select(_id(ids, "user").alias("user_id"), "rank", "group", "attention")


def _recommendations(files: Files) -> Frames:
    users, items = files.snapshot.users["user_id"], files.snapshot.items["item_id"]
    for block in _blocks(files.lists / RECOMMENDATIONS):
        yield block.select(
            _id(users, "user").alias("user_id"),
            "rank",
            _id(items, "item").alias("item_id"),
            "score",
            "source",
            pl.when(pl.col("group") >= 0).then("group"),
            _id(items, "because"),
            "shares",
        )


def _blurbs(files: Files) -> Frames:
    ids = files.snapshot.items["item_id"]
    blurbs = pl.read_parquet(files.written / BLURBS)
    yield blurbs.select(_id(ids, "item").alias("item_id"), _id(ids, "because"), "group", "blurb")


def _similar_items(files: Files) -> Frames:
    ids = files.snapshot.items["item_id"]
    for block in _blocks(files.tables / SIMILAR):
        yield block.select(_id(ids, "item").alias("item_id"), "rank", _id(ids, "similar"), "score")


def _with_items(file: str, *key: str) -> Callable[[Files], Frames]:
    """Makes the reader of a table of items by rank."""

    def frames(files: Files) -> Frames:
        ids = files.snapshot.items["item_id"]
        for block in _blocks(files.tables / file):
            yield block.select(*key, "rank", _id(ids, "item").alias("item_id"), "score")

    return frames


def _exposure(files: Files) -> Frames:
    yield pl.read_parquet(files.lists / EXPOSURE)


def _metric_by_attribute(files: Files) -> Frames:
    yield pl.read_parquet(files.lists / BY_ATTRIBUTE)


def _blocks(file: Path) -> Frames:
    for batch in parquet.ParquetFile(file).iter_batches(batch_size=200_000):
        yield pl.DataFrame(pl.from_arrow(batch))


def _id(ids: pl.Series, column: str) -> pl.Expr:
    """Returns the source id of a row number; null for -1."""
    row = pl.when(pl.col(column) >= 0).then(pl.col(column))
    return row.map_batches(lambda rows: ids.gather(rows.cast(pl.get_index_type())), return_dtype=ids.dtype)


OUTPUTS: Sequence[Output] = (
    Output("items", ("item_id", "title"), ("item_id", "run"), _items),
    Output("groups", ("group_id", "name", "items"), ("group_id", "run"), _groups),
    Output("item_groups", ("item_id", "group_id"), ("item_id", "group_id", "run"), _item_groups),
    Output("user_groups", ("user_id", "rank", "group_id", "attention"), ("user_id", "rank", "run"), _user_groups),
    Output(
        "recommendations",
        ("user_id", "rank", "item_id", "score", "source", "group_id", "because_item_id", "shares"),
        ("user_id", "rank", "run"),
        _recommendations,
    ),
    Output(
        "blurbs",
        ("item_id", "because_item_id", "group_id", "blurb"),
        ("item_id", "because_item_id", "group_id", "run"),
        _blurbs,
    ),
    Output(
        "similar_items",
        ("item_id", "rank", "similar_item_id", "score"),
        ("item_id", "rank", "run"),
        _similar_items,
    ),
    Output(
        "popular",
        ("group_id", "rank", "item_id", "score"),
        ("group_id", "rank", "run"),
        _with_items(POPULAR, "group"),
    ),
    Output("trending", ("rank", "item_id", "score"), ("rank", "run"), _with_items(TRENDING)),
    Output(
        "query_recommendations",
        ("query", "rank", "item_id", "score"),
        ("query", "rank", "run"),
        _with_items(QUERIES, "query"),
    ),
    Output("exposure", tuple(EXPOSURE_SCHEMA), ("provider", "run"), _exposure),
    Output(
        "metric_by_attribute",
        tuple(BY_ATTRIBUTE_SCHEMA),
        ("attribute", "value", "metric", "run"),
        _metric_by_attribute,
    ),
)
