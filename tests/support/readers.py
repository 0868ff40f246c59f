"""Readers that poll over their own connections while runs are published: what each of them saw.

Run by itself, `python -m tests.support.readers` compares the publish with the obvious one, which creates, attaches and
points in one transaction, and prints how many reads were wrong.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy import make_url as parse

from chatrec.db import records
from chatrec.publish.outputs import OUTPUTS, Files
from chatrec.publish.publish import publish, retire
from tests.support import processes

OF_LISTS = [each for each in OUTPUTS if each.name in ("items", "groups", "item_groups", "recommendations", "blurbs")]
"""What a list is read from; hundreds of runs publish no more."""
READ = "SELECT user_id, rank, item_id, score FROM recommendations WHERE user_id = 1 ORDER BY rank"
ROWS = 3
PAUSE_SECONDS = 0.002
"""Between two reads: readers that never rest leave the publish no processor."""


@dataclass
class Seen:
    """What a reader saw; a good list has ROWS rows with ranks from 1 and all items of one run."""

    reads: int = 0
    empty: int = 0
    mixed: int = 0
    failed: int = 0
    runs: int = 0
    slowest: float = 0.0
    reason: str = ""
    """Of the last failure."""


def read_until(stop: Event, url: str, found: Any) -> None:
    """Polls one user's list."""
    seen, runs = Seen(), set()
    connection = psycopg2.connect(url, options="-c search_path=chatrec,public")
    connection.autocommit = True
    cursor = connection.cursor()
    while not stop.is_set():
        time.sleep(PAUSE_SECONDS)
        started = time.perf_counter()
        try:
            cursor.execute(READ)
            rows = cursor.fetchall()
        except psycopg2.Error as error:
            seen.failed += 1
            seen.reason = str(error)
            continue
        seen.reads += 1
        seen.slowest = max(seen.slowest, time.perf_counter() - started)
        of_runs = {score for *_, score in rows}
        runs |= of_runs
        seen.empty += not rows
        seen.mixed += bool(rows) and (len(of_runs) > 1 or [row[1] for row in rows] != list(range(1, ROWS + 1)))
    seen.runs = len(runs)
    found.put(seen)
    connection.close()


def watch(url: str, work: Callable[[], None], readers: int = 3) -> list[Seen]:
    """Does some work while readers poll; returns what they saw."""
    context = processes.parent()
    stop, found = context.Event(), context.Queue()
    address = parse(url).set(drivername="postgresql").render_as_string(hide_password=False)
    polling = [context.Process(target=read_until, args=(stop, address, found)) for _ in range(readers)]
    for process in polling:
        process.start()
    try:
        work()
    finally:
        stop.set()
        seen = [found.get(timeout=60) for _ in polling]
        for process in polling:
            process.join()
    return seen


def engine_of(url: str) -> Engine:
    """Connections that see the schema first."""
    engine = create_engine(parse(url).set(drivername="postgresql+psycopg2"))

    @event.listens_for(engine, "connect")
    def _search_path(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO chatrec, public")
        connection.commit()

    return engine


def new_run(engine: Engine, number: int) -> int:
    """Records a run."""
    with engine.begin() as connection:
        return records.open_run(connection, f"20260101T{number:06}Z", "test", {}).run


def publish_in_one_transaction(engine: Engine, run: int, files: Files) -> None:
    """The obvious way, and wrong: a reader that planned before the commit sees the new pointer, but no partition."""
    from chatrec.db.copy import copy_in
    from chatrec.db.engine import cursor

    with cursor(engine) as opened:
        for output in OF_LISTS:
            table, parent = sql.Identifier(output.partition(run)), sql.Identifier(output.table)
            names = {"table": table, "parent": parent, "run": sql.Literal(run)}
            opened.execute(sql.SQL("CREATE TABLE {table} (LIKE {parent} INCLUDING ALL)").format(**names))
            opened.execute(sql.SQL("ALTER TABLE {table} ALTER run SET DEFAULT {run}").format(**names))
            copy_in(opened, table, output.columns, output.frames(files))
            attach = "ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ({run})"
            opened.execute(sql.SQL(attach).format(**names))
        opened.execute("UPDATE live_run SET run = %s", (run,))
        opened.execute(
            "UPDATE runs SET kept = true, published_at = now(), published_number = run WHERE run = %s", (run,)
        )


def publish_runs(
    engine: Engine,
    files: Callable[[int], Files],
    first: int,
    last: int,
    naive: bool = False,
    keep: int = 7,
    standby_seconds: float = 0,
) -> None:
    """Publishes many small runs, goes back now and then, and keeps some."""
    from chatrec.publish.pointer import rollback

    for number in range(first, last + 1):
        run = new_run(engine, number)
        if naive:
            publish_in_one_transaction(engine, run, files(number))
        else:
            publish(engine, "chatrec", run, files(number), 30, OF_LISTS, standby_seconds=standby_seconds)
        if number % 10 == 0:
            rollback(engine)
        if number % 5 == 0:
            retire(engine, "chatrec", keep, 30, OF_LISTS, standby_seconds=standby_seconds)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM runs WHERE kept")) <= 12


def main() -> None:
    """Prints what three readers saw during 300 publishes, done right and done in one transaction."""
    import tempfile
    from pathlib import Path

    from chatrec.db import embedded
    from tests.support.publishing import prepare

    with tempfile.TemporaryDirectory() as folder:
        for naive in (False, True):
            url = embedded.start(Path(folder) / f"postgres-{naive}")
            engine = engine_of(url)
            make = prepare(engine, Path(folder) / f"files-{naive}")
            publish_runs(engine, make, 1, 1)
            seen = watch(url, partial(publish_runs, engine, make, 2, 301, naive))
            total = {name: sum(getattr(each, name) for each in seen) for name in ("reads", "empty", "mixed", "failed")}
            way = "one transaction" if naive else "attach, drain, point"
            print(f"{way}: 300 publishes, {total}, slowest read {max(each.slowest for each in seen) * 1000:.0f} ms")
            engine.dispose()


if __name__ == "__main__":
    main()
