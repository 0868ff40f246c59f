"""The pointer: one row names the live run, and updating it publishes all outputs at once.

A statement is planned with one snapshot of the catalogue and executed with a later one. A reader that planned before
the new partition was attached and executed after the pointer moved would see the new run without its partition: an
empty list. Therefore plans older than the partition are waited for in between. The wait takes no locks and blocks no
reader. Measurements: docs/decisions/0003-publish.md.
"""

import time
from collections.abc import Sequence

from sqlalchemy import Engine, text

from chatrec.db import records
from chatrec.errors import RunError, TransientError

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
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        old = {row.virtualtransaction for row in connection.execute(HOLDERS, {"tables": list(tables)})}
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


def point(engine: Engine, run: int) -> None:
    """Makes a run the live one."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE live_run SET run = :run, since = now()"), {"run": run})
        connection.execute(
            text("UPDATE runs SET kept = true, published_at = coalesce(published_at, now()) WHERE run = :run"),
            {"run": run},
        )


def rollback(engine: Engine, key: str | None = None) -> records.RunRecord:
    """Makes an older run live again by one UPDATE, whatever its size.

    Args:
        engine: Engine of the database.
        key: Key of the run. By default the kept run that was published before the live one.

    Returns:
        The record of the run that is now live.

    Raises:
        RunError: If the run does not exist or its lists are not kept.
    """
    with engine.connect() as connection:
        live, kept = records.live(connection), records.kept(connection)
        if key is None:
            older = [record for record in kept if live and _published_before(record, live)]
            if not older:
                raise RunError("There is no older run to go back to. `chatrec runs` lists the runs.")
            chosen = older[0]
        else:
            chosen = records.get(connection, key)
            if not chosen.kept:
                raise RunError(f"The lists of run {key} are not kept. `chatrec runs` lists those that are.")
    point(engine, chosen.run)
    return chosen


def _published_before(record: records.RunRecord, live: records.RunRecord) -> bool:
    return bool(record.published_at and live.published_at and record.published_at < live.published_at)
