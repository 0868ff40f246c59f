"""The pointer: one row names the live run, and updating it publishes all outputs at once.

A statement is planned with one snapshot of the catalogue and executed with a later one. A reader that planned before
the new partition was attached and executed after the pointer moved would see the new run without its partition: an
empty list. Therefore plans older than the partition are waited for in between. The wait takes no locks and blocks no
reader. Measurements: docs/decisions/0003-publish.md.
"""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from chatrec.db import records
from chatrec.db.fence import Check, unchecked
from chatrec.errors import RunError, TransientError

LOCK = text("SELECT run FROM live_run FOR UPDATE")
"""Taken by all who move the pointer or decide what is dropped, so that no run is dropped that becomes live."""
HAS_LISTS = text("""
    SELECT EXISTS (
        SELECT FROM pg_inherits
        WHERE inhparent = to_regclass('recommendations_by_run') AND inhrelid = to_regclass(:partition)
          AND NOT inhdetachpending)
""")
HOLDERS = text("""
    SELECT l.virtualtransaction, a.pid, a.application_name
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.relation = ANY (SELECT to_regclass(name) FROM unnest(CAST(:tables AS text[])) AS name)
""")
STILL_THERE = text("""
    SELECT DISTINCT l.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.virtualtransaction = ANY (:transactions)
""")
FIRST_WAIT, LONGEST_WAIT = 0.002, 0.5


def drain(engine: Engine, tables: Sequence[str], seconds: float) -> None:
    """Waits until every transaction that now holds a lock on one of the tables has ended.

    Args:
        engine: Engine of the database.
        tables: Names of the partitioned tables.
        seconds: Maximum time to wait, in seconds.

    Raises:
        TransientError: If a transaction does not end. The message names its client.
    """
    with engine.connect() as connection:
        old = {row.virtualtransaction for row in connection.execute(HOLDERS, {"tables": list(tables)})}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline, pause = time.monotonic() + seconds, FIRST_WAIT
        while old and (left := connection.execute(STILL_THERE, {"transactions": list(old)}).all()):
            if time.monotonic() > deadline:
                clients = ", ".join(f"{row.application_name or 'a client'} (pid {row.pid})" for row in left)
                raise TransientError(
                    f"Waited {seconds:.0f} s (advanced.publish.drain_seconds) for transactions that began before the "
                    f"new partition was attached: {clients}. The previous run stays live; run it again when they have "
                    "ended."
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)


def point(engine: Engine, run: int, check: Check = unchecked) -> None:
    """Makes a run the live one."""
    with engine.begin() as connection:
        check(connection)
        connection.execute(LOCK)
        _make_live(connection, records.by_number(connection, run))


def rollback(engine: Engine, key: str | None = None) -> records.RunRecord:
    """Makes an older run live again by one UPDATE, whatever its size.

    It needs no lock of a run or a publish, and waits for neither: whoever drops lists locks the same row before.

    Args:
        engine: Engine of the database.
        key: Key of the run. By default the kept run that was published before the live one.

    Returns:
        The record of the run that is now live.

    Raises:
        RunError: If the run does not exist or its lists are not kept, or without a key, if another run has become live
            meanwhile.
    """
    with engine.connect() as connection:
        seen = records.live(connection)
    with engine.begin() as connection:
        connection.execute(LOCK)
        chosen = records.get(connection, key) if key else _older(connection, seen)
        if not chosen.kept:
            raise RunError(f"The lists of run {key} are not kept. `chatrec runs` lists those that are.")
        _make_live(connection, chosen)
    return chosen


def _older(connection: Connection, seen: records.RunRecord | None) -> records.RunRecord:
    """Returns the run before the live one, which must be the run that was live when the rollback was called."""
    live = records.live(connection)
    if live and seen and live.run != seen.run:
        raise RunError(
            f"Run {live.key} became live in the meantime, by a publish or another rollback. To go back further, call "
            "`chatrec rollback` again."
        )
    older = records.published_before_live(connection)
    if older is None:
        raise RunError("There is no older run to go back to. `chatrec runs` lists the runs.")
    return older


def _make_live(connection: Connection, record: records.RunRecord) -> None:
    if not connection.scalar(HAS_LISTS, {"partition": f"recommendations_r{record.run}"}):
        raise RunError(f"The lists of run {record.key} are gone from the database, so it cannot become live.")
    records.set_live(connection, record.run)
