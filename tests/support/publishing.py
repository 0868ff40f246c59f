"""A run of two users and three items, for publishing hundreds of times."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from sqlalchemy import Engine

from chatrec.aigc.groups import ItemGroups
from chatrec.db.migrate import migrate
from chatrec.extract.schema import ITEMS, SNAPSHOT, USERS, RowGroups, items_schema, users_schema
from chatrec.extract.snapshot import Snapshot
from chatrec.generation import BLURBS, GROUP_NAMES
from chatrec.publish.outputs import Files
from chatrec.ranking.fairness.audit import BY_ATTRIBUTE, EXPOSURE, nothing
from chatrec.ranking.lists import ATTENTION, ATTENTION_SCHEMA, ENSEMBLE, NAMES, RECOMMENDATIONS, SCHEMA, Lists
from chatrec.ranking.tables.schema import POPULAR, QUERIES, SIMILAR, TRENDING, schema_of

TYPES = {"user_id_type": "bigint", "item_id_type": "bigint"}


def prepare(engine: Engine, folder: Path) -> Callable[[int], Files]:
    """Makes the tables, and the files of any number of runs; the score of every row is the run's number."""
    migrate(engine, "chatrec", TYPES)
    for name in ("snapshot", "groups", "written", "lists", "tables"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    snapshot = folder / "snapshot"
    with RowGroups(snapshot / USERS, users_schema(True, [])) as users:
        users.write(pl.DataFrame({"user_id": [1, 2], "active": True}).to_arrow())
    items = pl.DataFrame(
        {"item_id": [10, 11, 12], "title": ["a", None, "运动鞋"], "groups": [["g"]] * 3, "available": [True] * 3}
    ).with_columns(arrived_at=pl.lit(None, pl.Int64))
    with RowGroups(snapshot / ITEMS, items_schema(True, [])) as file:
        file.write(items.to_arrow())
    (snapshot / SNAPSHOT).write_text(json.dumps({"user_id_type": "bigint", "item_id_type": "bigint", "partitions": []}))
    ItemGroups(("g",), np.arange(3, dtype=np.int32), np.zeros(3, np.int32), "categories").save(folder / "groups")
    pl.DataFrame({"name": ["G"]}).write_parquet(folder / "written" / GROUP_NAMES)
    blurb = {"item": [0], "because": [1], "group": [0], "blurb": ["a, from G"]}
    pl.DataFrame(blurb, schema_overrides=dict.fromkeys(("item", "because", "group"), pl.Int32)).write_parquet(
        folder / "written" / BLURBS
    )

    def files(number: int) -> Files:
        lists = Lists(
            users=np.arange(2),
            items=np.array([[0, 1, 2], [2, 1, 0]]),
            scores=np.full((2, 3), number, np.float32),
            kind=ENSEMBLE,
            group=np.array([[0, 0, -1], [0, 0, 0]]),
            because=np.array([[1, -1, 0], [0, 0, 0]]),
            shares=np.tile(np.array([0.625, 0.375], np.float32), (2, 3, 1)),
        )
        with RowGroups(folder / "lists" / RECOMMENDATIONS, SCHEMA) as rows:
            rows.write(lists.table(2))
        names = {"sources": ["aigc", "ease", "group", "popular"], "evidence": ["aigc", "ease"]}
        (folder / "lists" / NAMES).write_text(json.dumps(names))
        for name in (SIMILAR, POPULAR, TRENDING, QUERIES):
            row = {"item": 0, "similar": 2, "group": -1, "query": "shoes", "rank": 1, "score": float(number)}
            schema = schema_of(name)
            with RowGroups(folder / "tables" / name, schema) as rows:
                rows.write(pa.Table.from_pylist([{column: row[column] for column in schema.names}], schema))
        with RowGroups(folder / "lists" / ATTENTION, ATTENTION_SCHEMA) as rows:
            columns = {"user": [0, 1], "rank": [1, 1], "group": [0, 0], "attention": [1.0, 1.0]}
            rows.write(pl.DataFrame(columns).to_arrow())
        for name, rows_of in zip((EXPOSURE, BY_ATTRIBUTE), nothing(), strict=True):
            rows_of.write_parquet(folder / "lists" / name)
        return Files(Snapshot(snapshot), *(folder / name for name in ("groups", "written", "lists", "tables")))

    return files
