"""Checks before a run. They are independent, so that all problems are reported, not only the first."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import text

from chatrec.config import Settings
from chatrec.data.interactions import Interactions, Queries
from chatrec.db import engine as engines
from chatrec.db import id_types, migrate
from chatrec.encoder.model_selection import choose
from chatrec.encoder.texts import item_texts, user_texts
from chatrec.errors import ChatrecError, SettingsError
from chatrec.extract.arrivals import SeenItems
from chatrec.extract.catalogue import items_relation, users_relation
from chatrec.extract.extraction import selects, snapshot
from chatrec.extract.mapping import SourceMapping, check_mapping
from chatrec.extract.schema import ACTIVE
from chatrec.ranking.rules.check import check_rules

SAMPLE_ROWS = 20


@dataclass(frozen=True)
class Finding:
    """Result of one check."""

    question: str
    """Name of the check."""
    error: ChatrecError | None
    answer: str
    """Facts about its subject, or the message of the error."""

    @property
    def ok(self) -> bool:
        """Whether the check passed."""
        return self.error is None


def preflight(settings: Settings) -> Iterator[Finding]:
    """Checks connections, mapping, templates, rules, fairness, tables, folders and encoder."""
    mapping: list[SourceMapping] = []
    yield _finding("database", lambda: _connect(settings))
    yield _finding("mapping", lambda: _map(settings, mapping))
    if mapping:
        yield _finding("templates", lambda: _render(settings, mapping[0]))
        yield _finding("rules", lambda: _rules(settings, mapping[0]))
        yield _finding("fairness", lambda: _fairness(settings, mapping[0]))
        yield _finding("tables", lambda: _tables(settings, mapping[0]))
    yield _finding("artifacts", lambda: _folder(settings.artifacts.root))
    yield _finding("encoder", lambda: _encoder(settings))


def _finding(question: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(question, None, check())
    except ChatrecError as error:
        return Finding(question, error, str(error))


def _connect(settings: Settings) -> str:
    url = engines.database_url(settings)
    engine = engines.database(settings, "chatrec check")
    with engines.readable_errors("database.url", url), engine.connect() as connection:
        version = connection.scalar(text("SHOW server_version"))
    engine.dispose()
    if int(str(version).split(".")[0]) < 14:
        raise SettingsError(f"PostgreSQL {version} is too old: chatrec needs 14 or later.")
    return f"PostgreSQL {version} at {url.render_as_string(hide_password=True)}"


def _map(settings: Settings, mappings: list[SourceMapping]) -> str:
    mappings.append(read_mapping(settings))
    return "; ".join(
        f"{part.relation}: {', '.join(f'{name} {kind}' for name, kind in part.types.items())}"
        for part in mappings[0].relations
    )


def read_mapping(settings: Settings) -> SourceMapping:
    """Returns the columns and types of the mapping SELECTs.

    Raises:
        MappingError: If a SELECT does not fit the contract.
    """
    name = "source.url" if settings.source.url else "database.url"
    engine = engines.source(settings, "chatrec check")
    try:
        with engines.readable_errors(name, engines.source_url(settings)), snapshot(engine) as cursor:
            return check_mapping(cursor, selects(settings.source), settings.source.item_attributes)
    finally:
        engine.dispose()


def _render(settings: Settings, mapping: SourceMapping) -> str:
    """Renders both templates on a sample of the source rows."""
    engine = engines.source(settings, "chatrec check")
    with snapshot(engine) as cursor:
        items = items_relation(mapping.items, settings.source, SeenItems()).sample(cursor, SAMPLE_ROWS)
        users = users_relation(mapping.users).sample(cursor, SAMPLE_ROWS)
    engine.dispose()
    titles = items["title"].fill_null("").to_list()
    no_events = Interactions(
        np.zeros(len(users) + 1, np.int64), *(np.empty(0, kind) for kind in (np.int32, "f4", np.int64))
    )
    of_items = item_texts(items, settings.text.item)
    rows, queries = np.arange(len(users)), Queries.none(len(users))
    of_users = user_texts(users, rows, titles, no_events, settings.advanced.text.history, queries, settings.text.user)
    return f"item: {(of_items or ['none'])[0]!r}; user: {(of_users or ['none'])[0]!r}"


def _rules(settings: Settings, mapping: SourceMapping) -> str:
    engine = engines.source(settings, "chatrec check")
    try:
        with snapshot(engine) as cursor:
            return check_rules(cursor, mapping.items, settings.source.groups_separator, settings.rules)
    finally:
        engine.dispose()


def _fairness(settings: Settings, mapping: SourceMapping) -> str:
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


def _tables(settings: Settings, mapping: SourceMapping) -> str:
    engine = engines.database(settings, "chatrec check")
    try:
        with engines.readable_errors("database.url", engines.database_url(settings)):
            pending = migrate.pending(engine, settings.database.schema_name)
            id_types.refuse_other_types(engine, mapping.user_id_type, mapping.item_id_type)
    finally:
        engine.dispose()
    if pending:
        raise SettingsError(
            f"Schema {settings.database.schema_name} lacks {', '.join(pending)}: run `chatrec db migrate`."
        )
    return f"schema {settings.database.schema_name}, ids {mapping.user_id_type} and {mapping.item_id_type}"


def _folder(root: Path) -> str:
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f".probe.{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise SettingsError(f"artifacts.root {root} cannot be written: {error.strerror}.") from None
    return str(root)


def _encoder(settings: Settings) -> str:
    choice = choose(settings)
    if choice.kind == "local":
        return f"a compact GPT-2, trained on the catalogue in the first run ({choice.reason})"
    path = choice.source
    if isinstance(path, Path) and not (path.is_file() or (path / "config.json").is_file()):
        raise SettingsError(f"encoder.model {path} is neither a GGUF file nor a folder with a config.json.")
    return f"{choice.source} ({choice.reason})"
