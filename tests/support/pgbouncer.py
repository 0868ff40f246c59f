"""A pgbouncer of Debian before a server of the tests."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from sqlalchemy import URL, make_url

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
SETTINGS = """
[databases]
* = host={server} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
server_round_robin = {round_robin}
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
"""


def pooled(server: str, folder: Path, mode: str, size: int = 5, round_robin: bool = False) -> Iterator[str]:
    """The URL of a database through a pooler, which is stopped in the end.

    Args:
        server: URL of the database.
        folder: for its settings, which others may read.
        mode: of the pool: session, transaction or statement.
        size: of the pool.
        round_robin: whether the connections take turns.
    """
    url = make_url(server)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "pgbouncer.ini"
    values = {"mode": mode, "size": size, "round_robin": int(round_robin), "port": port, "folder": folder}
    file.write_text(SETTINGS.format(server=url.query["host"], user=url.username, **values))
    owner = Path(str(url.query["host"])).stat().st_uid  # it refuses to run as root
    os.chown(folder, owner, -1)
    assert PROGRAM
    process = subprocess.Popen([PROGRAM, "-q", str(file)], user=owner)
    through = URL.create("postgresql", url.username, host="127.0.0.1", port=port, database=url.database)
    try:
        _wait(through.render_as_string())
        yield through.render_as_string()
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    for _ in range(20):
        try:
            psycopg2.connect(url, connect_timeout=2).close()
        except psycopg2.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} does not answer")
