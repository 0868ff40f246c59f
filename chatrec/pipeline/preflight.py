"""Checks before a run. They are independent, so that all problems are reported, not only the first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chatrec.config import Settings
from chatrec.config.aigc import LARGE_LOG
from chatrec.db import engine as engines
from chatrec.db import id_types, migrate, rights, server
from chatrec.db.encodings import HOLDS_ALL, REPLACEMENT
from chatrec.db.pooler import refuse_transaction_pooler
from chatrec.encoder.model_selection import HASHING, choose, refuse_missing
from chatrec.encoder.prepared import may_hash
from chatrec.errors import ArtifactError, ChatrecError, MappingError, SettingsError
from chatrec.extract.describe import check_mapping
from chatrec.extract.extraction import selects
from chatrec.extract.mapping import SourceMapping, refuse_unknown_order
from chatrec.pipeline import source_checks
from chatrec.pipeline.source_checks import source_cursor
from chatrec.runs.disk import readable_disk_errors
from chatrec.runs.files import replacing

PROBE = 1 << 20
"""Bytes that are written to the artifact root for a test."""


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
    """Checks connections, mapping, data, templates, rules, fairness, tables, folders and encoder."""
    mapping: list[SourceMapping] = []
    yield from _findings("database", lambda: _connect(settings))
    yield from _findings("mapping", lambda: _map(settings, mapping))
    if mapping:
        yield from _findings("data", lambda: source_checks.data(settings, mapping[0]))
        yield from _findings("templates", lambda: source_checks.templates(settings, mapping[0]))
        yield from _findings("rules", lambda: source_checks.rules(settings, mapping[0]))
        yield from _findings("fairness", lambda: source_checks.fairness(settings, mapping[0]))
        yield from _findings("tables", lambda: _tables(settings, mapping[0]))
    yield from _findings("artifacts", lambda: _folder(settings.artifacts.root))
    yield from _findings("encoder", lambda: _encoder(settings))


def _findings(question: str, check: Callable[[], str]) -> Iterator[Finding]:
    """Yields the result of a check; of the mapping, one for each problem."""
    try:
        yield Finding(question, None, check())
    except MappingError as error:
        yield from (Finding(question, MappingError(problem), problem) for problem in error.problems)
    except ChatrecError as error:
        yield Finding(question, error, str(error))


def _connect(settings: Settings) -> str:
    with engines.open_database(settings, "chatrec check") as engine:
        refuse_transaction_pooler(engine)
        with engines.cursor(engine) as cursor:
            server.refuse_unfit(cursor)
            cursor.execute("SELECT current_setting('server_version'), current_setting('server_encoding')")
            version, encoding = cursor.fetchone()
    return f"PostgreSQL {version} at {engines.shown(engine.url)}{_encoding(settings, encoding)}"


def _encoding(settings: Settings, encoding: str) -> str:
    """Says what happens to texts of another source, if the encoding of database.url does not hold all."""
    if encoding in HOLDS_ALL or not settings.source.url:
        return ""
    with source_cursor(settings) as cursor:
        given = cursor.connection.get_parameter_status("server_encoding")
    if given == encoding:
        return ""
    return (
        f", in {encoding}, while source.url is in {given}: titles that {encoding} cannot hold are written with "
        f"{REPLACEMENT} in place of such characters, ids and searches go to quarantine. A database in UTF8 holds all"
    )


def _map(settings: Settings, mappings: list[SourceMapping]) -> str:
    mapping = read_mapping(settings)
    mappings.append(mapping)
    refuse_unknown_order(mapping, settings.ranking.target)
    return "; ".join(
        f"{part.relation}: {', '.join(f'{name} {kind}' for name, kind in part.types.items())}"
        for part in mapping.relations
    )


def read_mapping(settings: Settings) -> SourceMapping:
    """Returns the columns and types of the mapping SELECTs.

    Raises:
        MappingError: If SELECTs do not fit the contract.
    """
    with source_cursor(settings) as cursor:
        return check_mapping(cursor, selects(settings.source), settings.source.item_attributes)


def _tables(settings: Settings, mapping: SourceMapping) -> str:
    schema = settings.database.schema_name
    with engines.open_database(settings, "chatrec check") as engine:
        with engines.cursor(engine) as cursor:
            rights.refuse_missing(cursor, schema)
        if len(migrate.pending(engine, schema)) == len(migrate.migrations()):
            return f"none yet in the schema {schema}: run `chatrec db migrate` next"
        migrate.refuse_pending(engine, schema)
        id_types.refuse_other_types(engine, mapping.user_id_type, mapping.item_id_type)
    return f"schema {schema}, ids {mapping.user_id_type} and {mapping.item_id_type}"


def _folder(root: Path) -> str:
    try:
        with readable_disk_errors(root), replacing(root / ".probe.0") as probe:
            probe.write_bytes(bytes(PROBE))
        (root / ".probe.0").unlink()
    except ArtifactError as error:
        raise SettingsError(str(error)) from None
    except OSError as error:
        raise SettingsError(f"artifacts.root {root} cannot be written: {error.strerror}.") from None
    return str(root)


def _encoder(settings: Settings) -> str:
    choice, small = choose(settings), ""
    if may_hash(choice, settings):
        small = f"; hashed n-grams in place of it for fewer than {LARGE_LOG:,} interactions"
    if choice.kind == "local":
        return f"a compact GPT-2, trained on the catalogue in the first run ({choice.reason}){small}"
    if choice.kind == HASHING:
        return f"hashed n-grams, without a language model ({choice.reason})"
    refuse_missing(choice)
    return f"{choice.source} ({choice.reason}){small}"
