"""The publish step: the tables first, then what is older than is kept, in the database and on disk."""

import logging
from pathlib import Path

from chatrec.db.engine import database_url, readable_errors
from chatrec.errors import ChatrecError
from chatrec.pipeline.context import Context
from chatrec.publish.outputs import Files
from chatrec.publish.publish import publish, retire
from chatrec.run import Counts, Run, remove_stale_partials, runs_under
from chatrec.source.buckets import bucket_folder
from chatrec.source.snapshot import Snapshot

LOG = logging.getLogger(__name__)


def release(context: Context) -> Counts:
    """Publishes the run and retires the oldest."""
    assert context.database is not None
    engine, settings = context.database, context.settings
    schema = settings.database.schema_name
    files = Files(context.snapshot, *(context.of(step) for step in ("groups", "generate", "rank", "tables")))
    with readable_errors("database.url", database_url(settings)):
        counts = publish(engine, schema, context.number, files, settings.publish.drain_seconds)
        try:
            kept = retire(engine, schema, settings.publish.keep_runs, settings.publish.drain_seconds)
        except ChatrecError as error:  # the new lists are live: what could not be dropped is dropped tomorrow
            LOG.warning("Old lists stay for another night: %s", error)
            return counts
    remove_stale_partials(settings.artifacts.root)
    removed = _remove_files(settings.artifacts.root, {*kept, context.run.key}, settings.publish.keep_runs)
    return {**counts, "nights kept": len(kept), "old runs' files removed": removed}


def _remove_files(root: Path, kept: set[str], unpublished: int) -> int:
    """Removes the files of runs whose lists are gone, but for some newest ones that a person may want to look into."""
    runs = runs_under(root)
    others = [run for run in runs if run.key not in kept]
    gone = others[: max(len(others) - unpublished, 0)]
    for run in gone:
        run.remove()
    _remove_days(root, [run for run in runs if run not in gone])
    return len(gone)


def _remove_days(root: Path, left: list[Run]) -> None:
    """Removes the files of days that no snapshot lists any more."""
    snapshots = [Snapshot(run.step_folder("extract")) for run in left if run.manifest("extract")]
    used = {name for snapshot in snapshots for name in snapshot.facts.buckets}
    for file in bucket_folder(root).glob("[!.]*.parquet"):
        if file.name not in used:
            file.unlink()
