"""A streaming standby of a server of the tests.

Run by itself, `python -m tests.support.standby` publishes 60 small runs while two readers poll a standby, with and
without the wait for it, and prints what they saw.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread

from psycopg2 import OperationalError
from sqlalchemy import make_url

from chatrec.db import embedded
from tests.support.databases import connect, one

PAUSE_SECONDS = 0.3
"""Time for a statement of the readers."""
LAG_SECONDS = 1.0


def standby(server: str, data: Path) -> Iterator[str]:
    """The URL of a database on a standby, which is stopped in the end.

    Args:
        server: URL of the database on the primary.
        data: Data folder of the primary.
    """
    url = make_url(server)
    programs, owner = embedded.binaries(data), data.stat().st_uid
    with tempfile.TemporaryDirectory(prefix="chatrec-standby-") as made:
        folder = Path(made)
        os.chown(folder, owner, -1)
        copy = folder / "data"

        def call(program: str, *arguments: str) -> None:
            subprocess.run([programs / program, *arguments], user=owner, check=True, stdout=subprocess.DEVNULL, cwd="/")

        call(
            "pg_basebackup", "-h", str(url.query["host"]), "-U", str(url.username), "-D", str(copy), "-R", "-c", "fast"
        )
        shutil.rmtree(copy / "log", ignore_errors=True)
        (copy / "postmaster.pid").unlink(missing_ok=True)
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c cluster_name=copy"
        call("pg_ctl", "-D", str(copy), "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield url.set(query={**url.query, "host": str(folder)}).render_as_string(False)
        finally:
            call("pg_ctl", "-D", str(copy), "-m", "immediate", "stop")


@contextmanager
def lagging(copy: str) -> Iterator[None]:
    """Lets a standby replay in bursts, as one does whose network is slow."""
    stop = Event()

    def lag() -> None:
        with closing(connect(copy)) as connection, connection.cursor() as cursor:
            while not stop.wait(LAG_SECONDS / 4):
                cursor.execute("SELECT pg_wal_replay_pause()")
                stop.wait(LAG_SECONDS)
                cursor.execute("SELECT pg_wal_replay_resume()")

    thread = Thread(target=lag)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def replayed(primary: str, copy: str) -> None:
    """Waits until a standby has everything."""
    position = one(primary, "SELECT pg_current_wal_lsn()")
    while True:
        with suppress(OperationalError):  # cancelled by a conflict with recovery
            if one(copy, f"SELECT pg_last_wal_replay_lsn() >= '{position}'"):
                return
        time.sleep(0.02)


def main() -> None:
    """Prints what two readers of a standby saw during 60 publishes."""
    from tests.support.publishing import prepare
    from tests.support.readers import engine_of, publish_runs, watch

    with tempfile.TemporaryDirectory(prefix="chatrec-primary-") as made:
        Path(made).chmod(0o755)
        data = Path(made) / "postgres"
        url = embedded.start(data)
        engine = engine_of(url)
        make = prepare(engine, Path(made) / "files")
        publish_runs(engine, make, 1, 1)
        for copy in standby(url, data):
            for number, seconds in ((2, 0.0), (62, PAUSE_SECONDS)):
                replayed(url, copy)
                publishing = partial(publish_runs, engine, make, number, number + 59, keep=2, standby_seconds=seconds)
                with lagging(copy):
                    seen = watch(copy, publishing, readers=2)
                total = {
                    name: sum(getattr(each, name) for each in seen) for name in ("reads", "empty", "mixed", "failed")
                }
                print(f"standby_seconds = {seconds}: {total}", {each.reason for each in seen}, flush=True)
        engine.dispose()


if __name__ == "__main__":
    main()
