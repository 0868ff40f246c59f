"""One publish: load, attach, drain, point, and drop what is older than is kept."""

import json
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, text

from chatrec.db import records
from chatrec.db.lock import hold
from chatrec.errors import RunStopped
from chatrec.publish import partitions, pointer
from chatrec.publish.outputs import OUTPUTS, Files, Output
from chatrec.ranking.lists import NAMES
from chatrec.runs.run import Counts
from chatrec.runtime.progress import progress


def publish(
    engine: Engine,
    schema: str,
    run: int,
    files: Files,
    drain_seconds: float,
    outputs: Sequence[Output] = OUTPUTS,
) -> Counts:
    """Makes a run's lists the ones that people read.

    At every instant each reader sees one whole night. Killed anywhere, the night before stays live or the new one is;
    doing it again finishes it.

    Args:
        engine: of the database.
        schema: of the lock.
        run: its number.
        files: what to publish.
        drain_seconds: how long to wait for older readers.
        outputs: the tables.

    Returns:
        Rows by output.

    Raises:
        Busy: another publish is at work.
        RunStopped: a later night is live, or rows went missing.
        TransientError: an older reader does not end.
    """
    with hold(engine, schema, "publish"):
        _refuse_older(engine, run)
        _name_parts(engine, run, files.lists)
        counts: Counts = {}
        with progress("Publishing", len(outputs), "tables") as shown:
            for output in outputs:
                counts[f"{output.name} rows"] = partitions.load(engine, output, run, files)
                shown.advance(note=output.name)
        partitions.attach(engine, outputs, run)
        pointer.drain(engine, [output.table for output in outputs], drain_seconds)
        pointer.point(engine, run)
        return counts


def retire(engine: Engine, schema: str, keep: int, seconds: float, outputs: Sequence[Output] = OUTPUTS) -> list[str]:
    """Drops the lists of all runs but the newest kept ones and the live one.

    Args:
        engine: of the database.
        schema: of the lock.
        keep: how many published runs stay.
        seconds: how long to wait for somebody who reads what is to go.
        outputs: the tables.

    Returns:
        The keys of the runs whose lists stay.

    Raises:
        Busy: a publish is at work.
        TransientError: somebody reads for longer; what is left is dropped next time.
    """
    with hold(engine, schema, "publish"):
        with engine.begin() as connection:
            kept = records.kept(connection)
            staying = kept[:keep] + [record for record in kept[keep:] if record.live]
            numbers = [record.run for record in staying]
            connection.execute(text("UPDATE runs SET kept = false WHERE run <> ALL (:runs)"), {"runs": numbers})
            connection.execute(
                text("DELETE FROM quarantine WHERE run <> ALL (:runs) AND run < :newest"),
                {"runs": numbers, "newest": max(numbers, default=0)},
            )
        for run in sorted(partitions.runs_with_tables(engine, outputs) - set(numbers)):
            partitions.drop(engine, outputs, run, seconds)
        return [record.key for record in staying]


def _refuse_older(engine: Engine, run: int) -> None:
    """A night that was read before the live one is not published over it; going back is what `rollback` is for."""
    with engine.connect() as connection:
        live, mine = records.live(connection), records.by_number(connection, run)
    if live and live.snapshot_at and mine.snapshot_at and live.snapshot_at > mine.snapshot_at:
        raise RunStopped(
            f"Run {live.key} is live and was read later ({live.snapshot_at:%Y-%m-%d %H:%M:%S %Z}) than {mine.key}: "
            "older lists are not published over newer ones."
        )


def _name_parts(engine: Engine, run: int, lists: Path) -> None:
    names = json.loads((lists / NAMES).read_text(encoding="utf-8"))
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE runs SET sources = :sources, evidence = :evidence WHERE run = :run"),
            {**names, "run": run},
        )
