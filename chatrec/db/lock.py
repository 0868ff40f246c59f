"""Advisory locks: one run at a time, one publish at a time. An error names the holder.

A lock belongs to a connection: when its process is killed, PostgreSQL releases it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from chatrec.errors import Busy

HOLDERS = text("""
    SELECT a.application_name, a.pid, a.backend_start::timestamptz(0) AS since
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32 | l.objid::bigint) = :key
    ORDER BY a.backend_start
""")


@contextmanager
def hold(engine: Engine, schema: str, name: str, shared: bool = False) -> Iterator[None]:
    """Hold a lock for the length of the block.

    Args:
        engine: Engine for a connection of the lock's own, whose application name identifies the holder.
        schema: Schema of the installation; locks of different schemas are independent.
        name: Name of the lock, "run" or "publish".
        shared: Whether to take the lock shared instead of exclusively.

    Raises:
        Busy: If another process holds the lock. Names the holder.
    """
    key = _key(schema, name)
    take = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    with _own_connection(engine) as connection:
        if not connection.scalar(text(f"SELECT {take}(:key)"), {"key": key}):
            raise Busy(f"The {name} lock of schema {schema} is held by {_holders(connection, key)}.")
        yield


@contextmanager
def wait_for(engine: Engine, schema: str, name: str) -> Iterator[None]:
    """Wait for a lock and hold it for the length of the block."""
    with _own_connection(engine) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key(schema, name)})
        yield


@contextmanager
def _own_connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            yield connection
        finally:
            with suppress(DBAPIError):  # a lost connection holds no lock
                connection.execute(text("SELECT pg_advisory_unlock_all()"))


def _holders(connection: Connection, key: int) -> str:
    rows = connection.execute(HOLDERS, {"key": key}).all()
    names = [f"{row.application_name}, since {row.since}" for row in rows]
    return "; ".join(names) or "a process that has just released it: try again"


def _key(schema: str, name: str) -> int:
    digest = hashlib.blake2b(f"chatrec {schema} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
