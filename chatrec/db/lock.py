"""Locks: one run at a time, one publish at a time. An error names the holder.

A lock is an advisory lock of a connection of its own: when its process is killed, PostgreSQL releases it. Idle
time-outs, firewalls, poolers and failovers close that connection under a process that works on. Therefore:

* A thread uses the connection every few seconds, so that it is never idle, and takes the lock again if it was lost.
* Who takes a lock takes the next fencing number. Each write checks in its own transaction that the number is still the
  latest, so a process whose lock another has taken over stops at its next write.
* A file is locked as well where there is one, because files have no fencing numbers.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from psycopg2 import errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from chatrec.errors import Busy, LockLost, SettingsError
from chatrec.runs.file_lock import lock_file

LOG = logging.getLogger("chatrec")
USE_SECONDS = 15.0
"""Longest time between two uses of a lock's connection. Firewalls of large clouds forget one after four minutes."""
WAIT_MS = 10_000
"""Longest wait for a write of the process that held the lock before."""
HOLDERS = text("""
    SELECT a.application_name, a.pid, a.backend_start::timestamptz(0) AS since
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32 | l.objid::bigint) = :key
    ORDER BY a.backend_start
""")
IDLE_SECONDS = text("""
    SELECT setting::float / 1000 FROM pg_settings WHERE name = 'idle_session_timeout' AND setting <> '0'
""")
TAKE = text("""
    UPDATE locks SET fence = fence + 1, shared = :shared, holder = :holder, since = now()
    WHERE name = :name AND NOT (shared AND :shared)
""")
LATEST = text("SELECT fence, holder, since::timestamptz(0) FROM locks WHERE name = :name FOR SHARE")


@dataclass(frozen=True)
class Lock:
    """A lock that this process took."""

    name: str
    """"run" or "publish"."""
    fence: int
    """Its fencing number."""
    holder: str
    """Name of this process, with the time."""

    def check(self, connection: Connection) -> None:
        """Check that no other process has taken the lock over, and keep others from it until the transaction ends.

        Raises:
            LockLost: If another process has taken the lock over. Names it.
        """
        fence, holder, since = connection.execute(LATEST, {"name": self.name}).one()
        if fence != self.fence:
            raise LockLost(
                f"The {self.name} lock was taken over by {holder} at {since}, after the connection that held it was "
                "lost. This process stops here, and publishes nothing."
            )


@contextmanager
def hold(engine: Engine, schema: str, name: str, shared: bool = False, file: Path | None = None) -> Iterator[Lock]:
    """Hold a lock for the length of the block.

    Args:
        engine: Engine for a connection of the lock's own, whose application name identifies the holder.
        schema: Schema of the installation; locks of different schemas are independent.
        name: Name of the lock, "run" or "publish".
        shared: Whether to take the lock shared instead of exclusively.
        file: File to lock as well, for a lock that protects files.

    Raises:
        Busy: If another process holds the lock. Names the holder.
    """
    with _Held(engine, _key(schema, name), shared) as held:
        if not held.take():
            raise Busy(f"The {name} lock of schema {schema} is held by {held.holders()}.")
        holder = held.holder()
        with lock_file(file, holder, shared) if file else nullcontext():
            lock = _take_fence(engine, schema, name, shared, holder)
            held.keep(lock)
            yield lock


@contextmanager
def wait_for(engine: Engine, schema: str, name: str) -> Iterator[None]:
    """Wait for a lock and hold it for the length of the block."""
    with _Held(engine, _key(schema, name)) as held:
        held.wait()
        yield


def _take_fence(engine: Engine, schema: str, name: str, shared: bool, holder: str) -> Lock:
    """Takes the next fencing number, unless all who have the latest share the lock."""
    try:
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = {WAIT_MS}"))
            connection.execute(TAKE, {"name": name, "shared": shared, "holder": holder})
            return Lock(name, connection.execute(LATEST, {"name": name}).one().fence, holder)
    except DBAPIError as error:
        if isinstance(error.orig, errors.LockNotAvailable):
            raise Busy(f"The process that held the {name} lock of schema {schema} is still writing.") from None
        if isinstance(error.orig, errors.UndefinedTable):
            raise SettingsError(f"The schema {schema} lacks migrations: run `chatrec db migrate`.") from None
        raise


class _Held:
    """An advisory lock on a connection of its own, which a thread keeps in use."""

    def __init__(self, engine: Engine, key: int, shared: bool = False) -> None:
        self._engine, self._key, self._shared = engine, key, shared
        self._ended, self._thread = Event(), Thread()

    def __enter__(self) -> "_Held":
        self._connection = self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.ident:
            self._thread.join(USE_SECONDS)
        if not self._thread.is_alive():  # else it waits for a connection that has gone silent
            self._release()

    def take(self) -> bool:
        """Try to take the lock."""
        function = "pg_try_advisory_lock_shared" if self._shared else "pg_try_advisory_lock"
        return bool(self._connection.scalar(text(f"SELECT {function}(:key)"), {"key": self._key}))

    def wait(self) -> None:
        """Wait for the lock."""
        self._connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": self._key})

    def holder(self) -> str:
        """Name of this process, with the time."""
        name = self._connection.scalar(
            text("SELECT current_setting('application_name') || ', since ' || now()::timestamptz(0)")
        )
        return str(name)

    def holders(self) -> str:
        """Names of the other processes that hold the lock."""
        rows = self._connection.execute(HOLDERS, {"key": self._key}).all()
        names = [f"{row.application_name}, since {row.since}" for row in rows]
        return "; ".join(names) or "a process that has just released it: try again"

    def keep(self, lock: Lock) -> None:
        """Start to keep the connection in use."""
        idle = self._connection.scalar(IDLE_SECONDS)
        seconds = min(USE_SECONDS, idle / 3) if idle else USE_SECONDS
        self._thread = Thread(target=self._keep, args=(lock, seconds), name=f"{lock.name} lock", daemon=True)
        self._thread.start()

    def _keep(self, lock: Lock, seconds: float) -> None:
        lost = ""
        while not self._ended.wait(seconds):
            try:
                if lost and self._take_again(lock):
                    LOG.warning("The %s lock was taken again; its connection was lost: %s", lock.name, lost)
                    lost = ""
                elif not lost:
                    self._connection.execute(text("SELECT 1"))
            except LockLost as error:
                LOG.warning("%s", error)
                self._release()
                return
            except SQLAlchemyError as error:
                lost = lost or " ".join(str(getattr(error, "orig", error)).split())

    def _take_again(self, lock: Lock) -> bool:
        """Takes the lock on a new connection; false while another process holds it, which may yet be refused."""
        with suppress(SQLAlchemyError):
            self._connection.close()
        self._connection = self._connect()
        taken = self.take()
        with self._engine.begin() as connection:
            lock.check(connection)
        return taken

    def _release(self) -> None:
        with suppress(SQLAlchemyError):  # a lost connection holds no lock
            self._connection.execute(text("SELECT pg_advisory_unlock_all()"))
        self._connection.close()

    def _connect(self) -> Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _key(schema: str, name: str) -> int:
    digest = hashlib.blake2b(f"chatrec {schema} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
