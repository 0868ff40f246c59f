"""The publish step: publishes the tables, then removes old runs from the database and from disk."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from chatrec.db import records
from chatrec.db.engine import database_url, readable_errors
from chatrec.errors import RunStopped
from chatrec.extract.partitions import partition_folder
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline.context import Context
from chatrec.publish.outputs import Files
from chatrec.publish.publish import publish as publish_run
from chatrec.publish.publish import retire
from chatrec.runs.disk import readable_disk_errors
from chatrec.runs.files import remove_stale_partials
from chatrec.runs.results import PublishResult
from chatrec.runs.run import Run, runs_under
from chatrec.runs.sealed import unsealed

LOG = logging.getLogger(__name__)
PUBLISHED = ("groups", "generate", "rank", "tables")
"""Steps whose files become rows."""


def publish(context: Context) -> PublishResult:
    """Publishes the run and drops runs that are no longer kept.

    Raises:
        RunStopped: If the run waits for approval or was rejected.
    """
    assert context.database is not None
    engine, settings = context.database, context.settings
    advanced = settings.advanced.publish
    _refuse_unapproved(engine, context.number, context.results.gate.verdict)
    schema = settings.database.schema_name
    files = Files(context.snapshot, *(context.of(step) for step in PUBLISHED))
    same = _same_lists(engine, context.run)
    with readable_errors("database.url", database_url(settings)):
        rows = publish_run(
            engine,
            schema,
            context.number,
            files,
            advanced.drain_seconds,
            check=context.check,
            standby_seconds=advanced.standby_seconds,
        )
    published = PublishResult(rows=rows, same_lists_as=same)
    root, keep = settings.artifacts.root, settings.publish.keep_runs
    with _left_to_the_next_run("lists"), readable_errors("database.url", database_url(settings)):
        kept = retire(
            engine, schema, keep, advanced.drain_seconds, check=context.check, standby_seconds=advanced.standby_seconds
        )
        published = replace(published, runs_kept=len(kept))
    with _left_to_the_next_run("files"), readable_disk_errors(root):
        remove_stale_partials(root)
        if published.runs_kept is not None:
            removed = _remove_files(root, {*kept, context.run.key}, keep)
            published = replace(published, runs_removed=removed)
    return published


@contextmanager
def _left_to_the_next_run(what: str) -> Iterator[None]:
    """Logs an error of the block: the new lists are live, and the next run removes what is left."""
    try:
        yield
    except Exception as error:
        LOG.warning("Old %s are kept until the next run: %s", what, error)


def _refuse_unapproved(engine: Engine, run: int, verdict: str) -> None:
    """Refuses a run that needs approval and does not have it.

    Raises:
        RunStopped: If the run waits for approval or was rejected.
    """
    with engine.connect() as connection:
        record = records.by_number(connection, run)
    if record.approval in (None, "approved"):
        return
    why = f"was rejected by {record.approval_by}" if record.approval == "rejected" else "waits for approval"
    raise RunStopped(
        f"Run {record.key} {why}; the previous run stays live. {verdict} "
        f"`chatrec run --run {record.key} --approve` publishes it."
    )


def _same_lists(engine: Engine, run: Run) -> str | None:
    """Returns the key of the live run if this run has the same rows, else None."""
    with engine.connect() as connection:
        live = records.live(connection)
    if live is None or live.key == run.key:
        return None
    before = Run(run.root, live.key)
    manifests = [(before.manifest(step), run.finished(step)) for step in ("extract", *PUBLISHED)]
    return live.key if all(old and old.digest == new.digest for old, new in manifests) else None


def _remove_files(root: Path, kept: set[str], unpublished: int) -> int:
    """Removes the files of runs whose lists are not kept, except for the newest, which may be inspected.

    Args:
        root: Artifact root.
        kept: Keys of the runs whose files stay.
        unpublished: Maximum number of other runs whose files stay.

    Returns:
        The number of removed runs.
    """
    runs = runs_under(root)
    others = [run for run in runs if run.key not in kept]
    removed = others[: max(len(others) - unpublished, 0)]
    for run in removed:
        with _left_to_the_next_run(f"files of run {run.key}"):
            run.remove()
    _remove_days(root, [run for run in runs if run not in removed])
    return len(removed)


def _remove_days(root: Path, left: list[Run]) -> None:
    """Removes daily partitions that no remaining snapshot uses. Those of a damaged one are read again if needed."""
    used: set[str] = set()
    for run in left:
        if run.manifest("extract"):
            with _left_to_the_next_run(f"days of run {run.key}"):
                used.update(Snapshot(run.step_folder("extract")).facts.partitions)
    for file in partition_folder(root).glob("[!.]*.parquet"):
        if unsealed(file).name not in used:
            file.unlink()
