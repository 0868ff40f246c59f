"""Extract a consistent snapshot of the source tables into Parquet: all SELECTs in one read-only transaction."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from sqlalchemy import Engine

from chatrec.config.ranking import Target
from chatrec.config.source import AdvancedText, Source
from chatrec.extract import partitions
from chatrec.extract.arrivals import SeenItems
from chatrec.extract.catalogue import items_relation, users_relation
from chatrec.extract.describe import check_mapping, readable_data_errors
from chatrec.extract.group_texts import array_sentence
from chatrec.extract.interactions import EventRules, write_interactions
from chatrec.extract.mapping import SourceMapping, refuse_unknown_order
from chatrec.extract.quarantine import Quarantine
from chatrec.extract.queries import QueriesFile, read_queries
from chatrec.extract.schema import ITEMS, QUARANTINE, SNAPSHOT, USERS
from chatrec.extract.validation import NO_KEYS, Keys, until
from chatrec.runs.results import ExtractResult
from chatrec.runs.run import TAKEN_AT, write_atomically

LOG = logging.getLogger("chatrec")
BLOCK_SHARE = 32
"""Share of the memory for a block of text, which takes about ten times its size while it is parsed and converted."""


NOTHING_SEEN = SeenItems()


@dataclass(frozen=True)
class SnapshotFacts:
    """Contents of the file SNAPSHOT."""

    user_id_type: str
    item_id_type: str
    partitions: tuple[str, ...]
    """Names of the daily partitions in the shared folder."""


def extract(
    engine: Engine,
    source: Source,
    text: AdvancedText,
    target: Target,
    folder: Path,
    root: Path,
    full: bool = False,
    memory_mb: int = 1024,
    seen: SeenItems = NOTHING_SEEN,
    keys: Keys = NO_KEYS,
) -> ExtractResult:
    """Write a snapshot.

    Args:
        engine: Engine of the source database.
        source: The mapping.
        text: Number and age of the queries to keep.
        target: Events that the lists should predict.
        folder: Empty folder for the files of the snapshot.
        root: Artifact root, for the daily partitions that runs share.
        full: Whether to read every day of events again.
        memory_mb: Memory limit, which bounds the size of blocks.
        seen: Items that earlier runs have seen.
        keys: Texts that become keys of the published tables.

    Returns:
        The result of the step.

    Raises:
        MappingError: If SELECTs do not fit the contract or the target.
    """
    block_bytes = (memory_mb << 20) // BLOCK_SHARE
    quarantine = Quarantine(folder / QUARANTINE)
    shared = partitions.partition_folder(root)
    users_file, items_file = folder / USERS, folder / ITEMS
    with snapshot(engine) as cursor:
        mapping = check_mapping(cursor, selects(source), source.item_attributes)
        refuse_unknown_order(mapping, target)
        now = _now(cursor)
        with readable_data_errors("users"):
            users = users_relation(mapping.users, keys).read(cursor, users_file, quarantine, block_bytes)
        with readable_data_errors("items"):
            relation = items_relation(mapping.items, source, seen, keys)
            items = relation.read(cursor, items_file, quarantine, block_bytes)
        if sentence := array_sentence(mapping.items, pl.read_parquet(items_file, columns=["groups"])["groups"]):
            LOG.warning("%s", sentence)
        with readable_data_errors("interactions"):
            days, changed = partitions.read_partitions(cursor, mapping.interactions, shared, full, block_bytes)
        names = tuple(day.name for day in days)
        events = partitions.scan(shared, names) if names else _no_events(mapping)
        user_ids = _ids(users_file, "user_id")
        recent = beyond = too_old = 0
        if mapping.queries and text.queries:
            kept = QueriesFile(folder, user_ids, text.queries, now, quarantine, keys)
            with readable_data_errors("queries"), kept:
                newest = _newest(events, now)
                too_old = read_queries(cursor, mapping.queries, kept, text.query_days, newest, block_bytes)
            recent, beyond = kept.rows, kept.beyond
    rules = EventRules(user_ids, _ids(items_file, "item_id"), items.untitled, now, mapping.timed, keys)
    interactions, amounts = write_interactions(events, rules, folder, quarantine)
    quarantined = quarantine.close()
    facts = SnapshotFacts(mapping.user_id_type, mapping.item_id_type, names)
    write_atomically(folder / SNAPSHOT, json.dumps(asdict(facts), indent=1))
    write_atomically(folder / TAKEN_AT, json.dumps(now))
    return ExtractResult(
        users=users.rows,
        items=items.rows,
        interactions=interactions,
        queries=recent,
        queries_over_limit=beyond,
        queries_too_old=too_old,
        days=len(days),
        days_read=len(changed),
        events_read=sum(day.events for day in changed),
        quarantined=sum(quarantined.values()),
        quarantine=dict(quarantined),
        weight_range=(amounts.smallest, amounts.largest) if amounts else None,
    )


def selects(source: Source) -> dict[str, str]:
    """Mapping SELECTs by relation."""
    return {
        "users": source.users,
        "items": source.items,
        "interactions": source.interactions,
        "queries": source.queries,
    }


@contextmanager
def snapshot(engine: Engine) -> Iterator[Any]:
    """Yield a psycopg2 cursor in a REPEATABLE READ, READ ONLY transaction, with times in UTC and as ISO 8601."""
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    try:
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL TIME ZONE 'UTC'")
            cursor.execute("SET LOCAL DateStyle TO ISO")  # as texts are read back; the order of input stays
            cursor.execute("SET LOCAL extra_float_digits TO 1")
            yield cursor
    finally:
        connection.rollback()
        pooled.invalidate()


def _now(cursor: Any) -> int:
    cursor.execute("SELECT (extract(epoch FROM now()) * 1000000)::bigint")
    return int(cursor.fetchone()[0])


def _ids(file: Path, name: str) -> pl.Series:
    return pl.read_parquet(file, columns=[name])[name]


def _newest(events: pl.LazyFrame, now: int) -> int | None:
    """Newest time of an event that is not in the future, or None."""
    times = pl.col("occurred_at").filter(pl.col("occurred_at") <= until(now))
    newest: int | None = events.select(times.max()).collect(engine="streaming").item()
    return newest


def _no_events(mapping: SourceMapping) -> pl.LazyFrame:
    integers = [mapping.interactions.types[name] != "text" for name in ("user_id", "item_id")]
    return pl.LazyFrame(pl.from_arrow(partitions.partition_schema(*integers).empty_table()))
