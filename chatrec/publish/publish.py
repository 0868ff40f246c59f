"""Publishing a run: load, attach, drain, switch the pointer, and drop runs that are no longer kept."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, text

from chatrec.db import records
from chatrec.db.encodings import repertoire_of, replaced_sentence
from chatrec.db.lock import hold
from chatrec.errors import RunStopped
from chatrec.publish import partitions, pointer
from chatrec.publish.outputs import OUTPUTS, Files, Output
from chatrec.ranking.lists import NAMES
from chatrec.runtime.progress import progress

LOG = logging.getLogger("chatrec")


def publish(
    engine: Engine,
    schema: str,
    run: int,
    files: Files,
    drain_seconds: float,
    outputs: Sequence[Output] = OUTPUTS,
) -> dict[str, int]:
    """Makes a run's lists the live ones.

    Each reader sees one complete run at any time. If interrupted, either the previous or the new run is live; a
    repeated call completes it.

    Args:
        engine: Engine of the database.
        schema: Schema of the lock.
        run: Number of the run.
        files: Files to publish.
        drain_seconds: Maximum time to wait for older readers, in seconds.
        outputs: Output tables.

    Returns:
        The number of rows by output.

    Raises:
        Busy: If another publish is in progress.
        RunStopped: If a later run is live, or rows are missing.
        TransientError: If an older reader does not end.
    """
    with hold(engine, schema, "publish"):
        _refuse_older(engine, run)
        _name_parts(engine, run, files.lists)
        rows: dict[str, int] = {}
        repertoire = repertoire_of(engine)
        with progress("Publishing", len(outputs), "tables") as shown:
            for output in outputs:
                rows[output.name] = partitions.load(engine, output, run, files, repertoire)
                shown.advance(note=output.name)
        if repertoire and repertoire.replaced:
            LOG.warning("%s", replaced_sentence(repertoire))
        partitions.attach(engine, outputs, run)
        pointer.drain(engine, [output.table for output in outputs], drain_seconds)
        pointer.point(engine, run)
        return rows


def retire(engine: Engine, schema: str, keep: int, seconds: float, outputs: Sequence[Output] = OUTPUTS) -> list[str]:
    """Drops the lists of all runs but the newest kept ones and the live one.

    Args:
        engine: Engine of the database.
        schema: Schema of the lock.
        keep: Number of published runs to keep.
        seconds: Maximum time to wait for readers of a dropped run, in seconds.
        outputs: Output tables.

    Returns:
        The keys of the kept runs.

    Raises:
        Busy: If a publish is in progress.
        TransientError: If a reader takes longer. The remaining tables are dropped by the next call.
    """
    with hold(engine, schema, "publish"):
        with engine.begin() as connection:
            kept = records.kept(connection)
            staying = kept[:keep] + [record for record in kept[keep:] if record.live]
            numbers = [record.run for record in staying]
            connection.execute(text("UPDATE runs SET kept = false WHERE run <> ALL (:runs)"), {"runs": numbers})
            connection.execute(
                text("DELETE FROM quarantine WHERE run <> ALL (:runs) AND run < :newest"),
                {"runs": numbers, "newest": max(numbers, default=0)},
            )
        for run in sorted(partitions.runs_with_tables(engine, outputs) - set(numbers)):
            partitions.drop(engine, outputs, run, seconds)
        return [record.key for record in staying]


def _refuse_older(engine: Engine, run: int) -> None:
    """Refuses a run that was read before the live one; `rollback` restores older runs."""
    with engine.connect() as connection:
        live, mine = records.live(connection), records.by_number(connection, run)
    if live and live.snapshot_at and mine.snapshot_at and live.snapshot_at > mine.snapshot_at:
        raise RunStopped(
            f"Run {live.key} is live and was read later ({live.snapshot_at:%Y-%m-%d %H:%M:%S %Z}) than {mine.key}: "
            "older lists are not published over newer ones."
        )


def _name_parts(engine: Engine, run: int, lists: Path) -> None:
    names = json.loads((lists / NAMES).read_text(encoding="utf-8"))
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE runs SET sources = :sources, evidence = :evidence WHERE run = :run"),
            {**names, "run": run},
        )
