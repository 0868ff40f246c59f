"""The extract step: the source tables, read in one snapshot."""

import logging
from dataclasses import replace

from psycopg2 import sql

from chatrec.db import records
from chatrec.db.copy import copy_in
from chatrec.db.encodings import Repertoire, repertoire_of
from chatrec.db.engine import driver_cursor, readable_errors, source, source_url
from chatrec.db.id_types import refuse_other_types
from chatrec.errors import RunStopped
from chatrec.extract import extraction
from chatrec.extract.arrivals import SeenItems
from chatrec.extract.contents import contents_of
from chatrec.extract.snapshot import Snapshot
from chatrec.extract.validation import Keys
from chatrec.extract.weights import amounts_sentence
from chatrec.gate.check import failures, verdict
from chatrec.gate.source import judge_source
from chatrec.pipeline.context import Context
from chatrec.pipeline.earlier_runs import earlier_reads
from chatrec.runs.results import ExtractResult

LOG = logging.getLogger("chatrec")


def extract(context: Context) -> ExtractResult:
    """Reads the source tables in one snapshot.

    Raises:
        RunStopped: If it is too little against earlier runs. The checks are stored; nothing is trained on it.
    """
    settings = context.settings
    if context.database is not None:
        with context.writing() as connection:
            records.number_snapshot(connection, context.number)
    name = "source.url" if settings.source.url else "database.url"
    engine = source(settings, f"chatrec extract {context.run.key}")
    repertoire = repertoire_of(context.database) if context.database is not None else None
    with readable_errors(name, source_url(settings)):
        result = extraction.extract(
            engine,
            settings.source,
            settings.advanced.text,
            settings.ranking.target,
            context.folder,
            settings.artifacts.root,
            context.options.full,
            settings.compute.memory_mb,
            SeenItems.before(context.run),
            Keys(settings.fairness.audit, (settings.fairness.attribute,), repertoire),
        )
    engine.dispose()
    result = replace(result, contents=contents_of(context.folder, context.snapshot.taken_at))
    if result.weight_range:
        LOG.warning("%s", amounts_sentence(*result.weight_range))
    if context.database is not None:
        _record_snapshot(context, context.snapshot, repertoire)
        _refuse_losses(context, result)
    return result


def _record_snapshot(context: Context, snapshot: Snapshot, repertoire: Repertoire | None) -> None:
    """Refuses ids that do not fit the tables, then records the time of the snapshot and its quarantined rows."""
    assert context.database is not None
    run = context.number
    refuse_other_types(context.database, snapshot.facts.user_id_type, snapshot.facts.item_id_type)
    with context.writing() as connection, driver_cursor(connection) as opened:
        records.set_snapshot(connection, run, snapshot.taken_at)
        opened.execute("DELETE FROM quarantine WHERE run = %s", (run,))
        rows = snapshot.quarantined().select(run=run, relation="relation", reason="reason", row_data="row_data")
        copy_in(opened, sql.Identifier("quarantine"), rows.columns, [repertoire.fitted(rows) if repertoire else rows])


def _refuse_losses(context: Context, result: ExtractResult) -> None:
    assert context.database is not None
    checks = judge_source(result, earlier_reads(context.database, context.number), context.settings.checks)
    if failures(checks):
        with context.writing() as connection:
            records.replace_checks(connection, context.number, [check.as_row() for check in checks])
        raise RunStopped(verdict(checks))
