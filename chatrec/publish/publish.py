"""Publishing a run: load, attach, drain, switch the pointer, and drop runs that are no longer kept."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from chatrec.db import records
from chatrec.db.encodings import repertoire_of, replaced_sentence
from chatrec.db.fence import Check, unchecked
from chatrec.db.lock import hold
from chatrec.errors import RunStopped
from chatrec.publish import partitions, pointer
from chatrec.publish.outputs import OUTPUTS, Files, Output
from chatrec.publish.standbys import wait_for_standbys
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
    check: Check = unchecked,
    standby_seconds: float = 0,
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
        check: Called in the transaction of each write.
        standby_seconds: Time for statements on standbys after the replay, in seconds; 0 does not wait for standbys.

    Returns:
        The number of rows by output.

    Raises:
        Busy: If another publish is in progress.
        RunStopped: If a later run is live, or rows are missing.
        TransientError: If an older reader does not end.
        LockLost: If another publish has taken over the lock.
    """
    with hold(engine, schema, "publish") as lock:
        check = _both(check, lock.check)
        _refuse_older(engine, run)
        _name_parts(engine, run, files.lists, check)
        rows: dict[str, int] = {}
        repertoire = repertoire_of(engine)
        with progress("Publishing", len(outputs), "tables") as shown:
            for output in outputs:
                rows[output.name] = partitions.load(engine, output, run, files, repertoire, check)
                shown.advance(note=output.name)
        if repertoire and repertoire.replaced:
            LOG.warning("%s", replaced_sentence(repertoire))
        partitions.attach(engine, outputs, run, check)
        pointer.drain(engine, [output.table for output in outputs], drain_seconds)
        wait_for_standbys(engine, standby_seconds, drain_seconds)
        pointer.point(engine, run, check)
        return rows


def retire(
    engine: Engine,
    schema: str,
    keep: int,
    seconds: float,
    outputs: Sequence[Output] = OUTPUTS,
    check: Check = unchecked,
    standby_seconds: float = 0,
) -> list[str]:
    """Drops the lists of all runs but the newest kept ones and the live one.

    Args:
        engine: Engine of the database.
        schema: Schema of the lock.
        keep: Number of published runs to keep.
        seconds: Maximum time to wait for readers of a dropped run, in seconds.
        outputs: Output tables.
        check: Called in the transaction of each write.
        standby_seconds: Time for statements on standbys after the replay, in seconds; 0 does not wait for standbys.

    Returns:
        The keys of the kept runs.

    Raises:
        Busy: If a publish is in progress.
        TransientError: If a reader takes longer. The remaining tables are dropped by the next call.
        LockLost: If another publish has taken over the lock.
    """
    with hold(engine, schema, "publish") as lock:
        check = _both(check, lock.check)
        with engine.begin() as connection:
            check(connection)
            connection.execute(pointer.LOCK)
            kept = records.kept(connection)
            staying = kept[:keep] + [record for record in kept[keep:] if record.live]
            numbers = [record.run for record in staying]
            connection.execute(text("UPDATE runs SET kept = false WHERE run <> ALL (:runs)"), {"runs": numbers})
            connection.execute(
                text("DELETE FROM quarantine WHERE run <> ALL (:runs) AND run < :newest"),
                {"runs": numbers, "newest": max(numbers, default=0)},
            )
        dropped = sorted(partitions.runs_with_tables(engine, outputs) - set(numbers))
        if dropped:
            wait_for_standbys(engine, standby_seconds, seconds)
        for run in dropped:
            partitions.drop(engine, outputs, run, seconds, check)
        return [record.key for record in staying]


def _both(first: Check, second: Check) -> Check:
    def check(connection: Connection) -> None:
        first(connection)
        second(connection)

    return check


def _refuse_older(engine: Engine, run: int) -> None:
    """Refuses a run that was read before the live one; `rollback` restores older runs.

    The order in which they read decides, not the clock, which may have been wrong.
    """
    with engine.connect() as connection:
        (after, later), mine = records.read_after(connection, run), records.by_number(connection, run)
    if after:
        clock = "" if later else " The clock was wrong: it said that it was read earlier."
        raise RunStopped(
            f"Run {after.key} is live and was read later ({after.snapshot_at:%Y-%m-%d %H:%M:%S %Z}) than {mine.key}: "
            f"older lists are not published over newer ones.{clock}"
        )
    if later:
        LOG.warning(
            "The clock was wrong: run %s, which is live, says that it was read at %s, and run %s, which was read after "
            "it, at %s. Runs are published in the order in which they were read.",
            later.key,
            f"{later.snapshot_at:%Y-%m-%d %H:%M:%S %Z}",
            mine.key,
            f"{mine.snapshot_at:%Y-%m-%d %H:%M:%S %Z}",
        )


def _name_parts(engine: Engine, run: int, lists: Path, check: Check) -> None:
    names = json.loads((lists / NAMES).read_text(encoding="utf-8"))
    with engine.begin() as connection:
        check(connection)
        connection.execute(
            text("UPDATE runs SET sources = :sources, evidence = :evidence WHERE run = :run"),
            {**names, "run": run},
        )
