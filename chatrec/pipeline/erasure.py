"""Erasing a person: lists, snapshots, vectors, quarantine, and all that was learned from them.

The order makes it safe to kill: what is removed first is not needed to find the rest, and doing it again goes on.
What a run learns is learned anew every run, so the states of runs that are over are simply removed. Fine-tuned
encoders are not: they are marked, and the next fine-tuning begins without them.
"""

import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from chatrec.config import Settings
from chatrec.db import engine as engines
from chatrec.db import erasures, records
from chatrec.db.engine import open_database
from chatrec.db.id_types import user_id_of
from chatrec.db.lock import hold
from chatrec.encoder import registry
from chatrec.encoder.erasure import blank, forget_texts
from chatrec.errors import Busy
from chatrec.extract.erasure import ErasureSubject, erase_from_snapshot, remove_days, row_of, still_given
from chatrec.extract.extraction import selects
from chatrec.extract.extraction import snapshot as read_only
from chatrec.extract.mapping import check_mapping
from chatrec.extract.partitions import partition_folder
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline import finetune
from chatrec.pipeline.evaluation import FOLDER as EVALUATIONS
from chatrec.pipeline.run_settings import settings_of
from chatrec.pipeline.runner import CLI
from chatrec.pipeline.steps import BY_NAME
from chatrec.publish.outputs import OUTPUTS
from chatrec.publish.partitions import tables_of
from chatrec.runs.run import Run, remove_stale_partials, runs_under, using_snapshots
from chatrec.runtime.progress import progress

LOG = logging.getLogger("chatrec")
AT_WORK = text("SELECT key FROM runs WHERE state = 'running' AND started_by <> :cli ORDER BY run DESC LIMIT 1")
NEEDED = ("extract", "embed")
"""The steps whose files somebody reads when a run is over: `chatrec evaluate` and `chatrec finetune`."""


@dataclass(frozen=True)
class Erased:
    """What became of an erasure."""

    number: int
    """Of the record in `erasures`."""
    removed: dict[str, int]
    """Rows and files by kind; none of them is 0."""
    still_given: dict[str, int]
    """Rows that the mapping SELECTs still give, by relation."""


def erase(settings: Settings, user: str) -> Erased:
    """Removes a person from everything that chatrec keeps; the customer's own tables are not touched.

    Args:
        settings: of the installation.
        user: the id, as the customer's tables have it.

    Raises:
        RunError: it cannot be an id of this database.
        Busy: a run, an evaluation or a fine-tuning is at work.
    """
    root, schema = settings.artifacts.root, settings.database.schema_name
    with open_database(settings, "chatrec erase") as engine, _alone(engine, schema, root) as runs:
        person = ErasureSubject.of(*user_id_of(engine, user))
        given = _still_given(settings, person)
        number = erasures.begin(engine, person.text, settings.erasure.key, given)
        removed = _tables(engine, person)
        removed += _files(settings, runs, {record.key for record in _kept(engine)}, person)
        counts = {kind: rows for kind, rows in sorted(removed.items()) if rows}
        erasures.finish(engine, number, counts)
    if given:
        rows = ", ".join(f"{count:,} rows of source.{relation}" for relation, count in given.items())
        LOG.warning("Your own tables still give this user: %s. Delete there, or the next run reads them again.", rows)
    return Erased(number, counts, given)


@contextmanager
def _alone(engine: Engine, schema: str, root: Path) -> Iterator[list[Run]]:
    """No run is at work, nor between two tasks of a scheduler, and nobody reads the runs that are over.

    A scheduler may begin a run from now on; what it begins is none of the runs that are given.
    """
    with hold(engine, schema, "run"), hold(engine, schema, "publish"), using_snapshots(root, alone=True):
        runs = runs_under(root)
        with engine.connect() as connection:
            key = connection.scalar(AT_WORK, {"cli": CLI})
        if key:
            raise Busy(f"Run {key} has not ended: erase when it has, or when a later run has taken its place.")
        yield runs


def _still_given(settings: Settings, person: ErasureSubject) -> dict[str, int]:
    name = "source.url" if settings.source.url else "database.url"
    engine = engines.source(settings, "chatrec erase")
    try:
        with engines.readable_errors(name, engines.source_url(settings)), read_only(engine) as cursor:
            return still_given(cursor, check_mapping(cursor, selects(settings.source)), person)
    finally:
        engine.dispose()


def _kept(engine: Engine) -> list[records.RunRecord]:
    with engine.connect() as connection:
        return records.kept(connection)


def _tables(engine: Engine, person: ErasureSubject) -> Counter[str]:
    """Removes the person's rows from the tables of all runs, published or not."""
    removed: Counter[str] = Counter()
    for output in OUTPUTS:
        if "user_id" in output.columns:
            removed[output.name] = erasures.remove_rows(engine, tables_of(engine, output), person.text)
    removed["quarantine"] = erasures.remove_quarantined(engine, person.text)
    return removed


def _files(settings: Settings, runs: list[Run], kept: set[str], person: ErasureSubject) -> Counter[str]:
    """Removes the person from the files of runs that are kept, and the files of the others."""
    root, removed = settings.artifacts.root, Counter[str]()
    with progress("Erasing", len(runs) + 1, "runs") as shown:
        for run in runs:
            if run.key in kept and run.manifest("extract"):
                removed += _from_run(run, person)
            else:
                run.remove()
                removed["unpublished runs"] += 1
            shown.advance(note=run.key)
        removed["days of events"] = remove_days(partition_folder(root), person)
        removed["evaluations"] = _evaluations(root)
        newest = next((run for run in reversed(runs) if run.manifest("extract")), None)
        snapshot = Snapshot(newest.step_folder("extract")) if newest else None
        templates = (settings_of(settings, newest) if newest else settings).text_config
        removed["vectors"] = forget_texts(root, snapshot, templates)
        shown.advance(note="vectors")
    registry.mark_erasure(root)
    removed["fine-tunings begun"] = finetune.abandon(root)
    removed["encoders"] = len(registry.prune(root, settings.advanced.finetune.keep))
    shared = [partition_folder(root), *(root / name for name in (registry.VECTORS, registry.FOLDER, EVALUATIONS))]
    for folder in (*shared, *(run.folder for run in runs)):
        remove_stale_partials(folder, seconds=0)
    return removed


def _from_run(run: Run, person: ErasureSubject) -> Counter[str]:
    """Its snapshot stays, without the person; what was learned from it goes."""
    removed: Counter[str] = Counter()
    row = row_of(run.step_folder("extract"), person)
    if row is not None:
        removed["learned states"] = _forget(run.folder, NEEDED)
        blank(run.step_folder("embed"), row)
    return removed + erase_from_snapshot(run.step_folder("extract"), person)


def _evaluations(root: Path) -> int:
    """Removes the snapshots and models of evaluations; their numbers and reports stay. Returns how many had any."""
    folders = list((root / EVALUATIONS).glob("*/"))
    for folder in folders:
        for step in BY_NAME:
            (folder / f"{step}.json").unlink(missing_ok=True)
    return sum(_forget(folder) > 0 for folder in folders)


def _forget(folder: Path, needed: tuple[str, ...] = ()) -> int:
    """Removes the files of a run's steps; returns of how many there were any."""
    folders = [folder / step for step in BY_NAME if step not in needed and (folder / step).exists()]
    for path in folders:
        shutil.rmtree(path)
    return len(folders)
