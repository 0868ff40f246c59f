"""The pointer: one row says which run is live, and moving it is the whole publish that a reader can notice.

A statement is planned with one look at the catalogue and executed with a later snapshot. Had a reader planned before
the new partition was attached and executed after the pointer moved, it would see the new run and no partition for it:
an empty list. So between the two the plans that are older than the partition are waited for. The wait is for locks of
others and takes none: no reader is held up. Measured in docs/decisions/0003-publish.md.
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
    """Waits until every transaction that holds a lock on one of the tables now has ended.

    Args:
        engine: of the database.
        tables: the partitioned tables.
        seconds: how long to wait at most.

    Raises:
        TransientError: somebody is still there; says who.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        old = {row.virtualtransaction for row in connection.execute(HOLDERS, {"tables": list(tables)})}
        deadline, pause = time.monotonic() + seconds, FIRST_WAIT
        while old and (left := connection.execute(STILL_THERE, {"transactions": list(old)}).all()):
            if time.monotonic() > deadline:
                who = ", ".join(f"{row.application_name or 'a client'} (pid {row.pid})" for row in left)
                raise TransientError(
                    f"Waited {seconds:.0f} s (publish.drain_seconds) for transactions that began before the new "
                    f"partition was there: {who}. The night before stays live; run it again when they have ended."
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)


def point(engine: Engine, run: int) -> None:
    """Makes a run live."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE live_run SET run = :run, since = now()"), {"run": run})
        connection.execute(
            text("UPDATE runs SET kept = true, published_at = coalesce(published_at, now()) WHERE run = :run"),
            {"run": run},
        )


def rollback(engine: Engine, key: str | None = None) -> records.RunRecord:
    """Makes an older night live again: one UPDATE, whatever the size of the night.

    Args:
        engine: of the database.
        key: of the run; default: the kept run that was published before the live one.

    Returns:
        The run that is live now.

    Raises:
        RunError: there is no such run, or its lists are gone.
    """
    with engine.connect() as connection:
        live, kept = records.live(connection), records.kept(connection)
        if key is None:
            older = [record for record in kept if live and _published_before(record, live)]
            if not older:
                raise RunError("There is no older night to go back to. `chatrec runs` lists them.")
            chosen = older[0]
        else:
            chosen = records.get(connection, key)
            if not chosen.kept:
                raise RunError(f"The lists of run {key} are not kept. `chatrec runs` lists those that are.")
    point(engine, chosen.run)
    return chosen


def _published_before(record: records.RunRecord, live: records.RunRecord) -> bool:
    return bool(record.published_at and live.published_at and record.published_at < live.published_at)
