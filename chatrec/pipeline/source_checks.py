"""Checks of the source tables before a run: their rows, the texts made of them, rules and fairness."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chatrec.config import Settings
from chatrec.data.interactions import Interactions, Queries
from chatrec.db import engine as engines
from chatrec.encoder.texts import item_texts, user_texts
from chatrec.errors import MappingError, SettingsError
from chatrec.extract import data_shape
from chatrec.extract.arrivals import SeenItems
from chatrec.extract.catalogue import items_relation, users_relation
from chatrec.extract.data_shape import DataShape
from chatrec.extract.describe import check_values, readable_data_errors
from chatrec.extract.extraction import snapshot
from chatrec.extract.group_texts import array_sentence
from chatrec.extract.mapping import SourceMapping
from chatrec.extract.schema import ACTIVE
from chatrec.extract.source_shape import read_shape
from chatrec.extract.unknown_ids import read_unknown_ids
from chatrec.extract.weights import amounts_sentence
from chatrec.ranking.rules.check import check_rules

SAMPLE_ROWS = 20


@contextmanager
def source_cursor(settings: Settings) -> Iterator[Any]:
    """Yields a cursor in a read-only transaction on the source database."""
    name = "source.url" if settings.source.url else "database.url"
    engine = engines.source(settings, "chatrec check")
    try:
        with engines.readable_errors(name, engines.source_url(settings)), snapshot(engine) as cursor:
            yield cursor
    finally:
        engine.dispose()


def data(settings: Settings, mapping: SourceMapping) -> str:
    """Counts the rows, and says which settings fit them."""
    with source_cursor(settings) as cursor:
        check_values(cursor, mapping)
        shape, weights = read_shape(cursor, mapping)
        items = items_relation(mapping.items, settings.source, SeenItems()).sample(cursor, SAMPLE_ROWS)
        mismatches = read_unknown_ids(cursor, mapping) if _has_unknown(shape) else []
    _refuse_empty(shape, mismatches)
    invalid, looks_like_arrays = data_shape.invalid_rows(shape), array_sentence(mapping.items, items["groups"])
    sentences = [
        data_shape.counts(shape),
        *([f"In quarantine: {invalid}."] if invalid else []),
        *mismatches,
        *([looks_like_arrays] if looks_like_arrays else []),
        data_shape.certainty(shape),
        *data_shape.advice(shape, settings.ranking.exclude_seen),
        *([amounts_sentence(weights.smallest, weights.largest)] if weights.look_like_amounts else []),
    ]
    return " ".join(sentences)


def templates(settings: Settings, mapping: SourceMapping) -> str:
    """Renders both templates on a sample of the rows."""
    with source_cursor(settings) as cursor, readable_data_errors("items"):
        items = items_relation(mapping.items, settings.source, SeenItems()).sample(cursor, SAMPLE_ROWS)
    with source_cursor(settings) as cursor, readable_data_errors("users"):
        users = users_relation(mapping.users).sample(cursor, SAMPLE_ROWS)
    titles = items["title"].fill_null("").to_list()
    no_events = Interactions(
        np.zeros(len(users) + 1, np.int64), *(np.empty(0, kind) for kind in (np.int32, "f4", np.int64))
    )
    of_items = item_texts(items, settings.text.item)
    rows, queries = np.arange(len(users)), Queries.none(len(users))
    of_users = user_texts(users, rows, titles, no_events, settings.advanced.text.history, queries, settings.text.user)
    return f"item: {(of_items or ['none'])[0]!r}; user: {(of_users or ['none'])[0]!r}"


def rules(settings: Settings, mapping: SourceMapping) -> str:
    """Compares the rules with the columns, groups and items that exist."""
    with source_cursor(settings) as cursor, readable_data_errors("items"):
        return check_rules(cursor, mapping.items, settings.source.groups_separator, settings.rules)


def fairness(settings: Settings, mapping: SourceMapping) -> str:
    """Compares the attributes of fairness with the columns that exist."""
    wanted = settings.fairness
    named = [("attribute", name, mapping.items) for name in [wanted.attribute] if name]
    named += [("audit", name, mapping.users) for name in wanted.audit]
    for key, name, mapped in named:
        existing = [column for column in mapped.types if column != ACTIVE or mapped is mapping.items]
        if name not in existing:
            raise SettingsError(
                f"fairness.{key} names {name}, which is not a column of source.{mapped.relation}: its columns are "
                f"{', '.join(existing)}."
            )
    return f"{wanted.mode}, exposure by {wanted.attribute}" if wanted.attribute else "off"


def _has_unknown(shape: DataShape) -> bool:
    return any(reason in shape.quarantine for reason in ("interactions: unknown user", "interactions: unknown item"))


def _refuse_empty(shape: DataShape, mismatches: list[str]) -> None:
    counts = {"users": shape.users, "items": shape.items, "interactions": shape.interactions}
    problems = [
        f"source.{relation} gives no valid row ({data_shape.invalid_rows(shape, relation) or 'it selects none'}): "
        "correct the SELECT, above all its WHERE, or fill the table that it reads."
        for relation, count in counts.items()
        if not count
    ]
    if problems:
        raise MappingError(*problems, *mismatches)
