"""Erasure of a user: lists, snapshots, vectors, quarantine, and all models fitted on their events.

The order makes an interruption safe: data removed first are not needed to find the rest, and a repeated erasure
completes the first. Each run fits its models again, so the model files of finished runs are removed. Fine-tuned
encoders stay, marked, and the next fine-tuning starts from another encoder.
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
from chatrec.config.source import TextConfig
from chatrec.db import engine as engines
from chatrec.db import erasures, records
from chatrec.db.engine import open_database
from chatrec.db.id_types import user_id_of
from chatrec.db.lock import hold
from chatrec.db.pooler import refuse_transaction_pooler
from chatrec.encoder import registry
from chatrec.encoder.erasure import blank, forget_texts
from chatrec.errors import ArtifactError, Busy
from chatrec.extract.describe import check_mapping
from chatrec.extract.erasure import ErasureSubject, erase_from_snapshot, remove_days, row_of, still_given
from chatrec.extract.extraction import selects
from chatrec.extract.extraction import snapshot as read_only
from chatrec.extract.partitions import partition_folder
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline import finetune
from chatrec.pipeline.evaluation import FOLDER as EVALUATIONS
from chatrec.pipeline.run_settings import settings_of
from chatrec.pipeline.runner import CLI
from chatrec.pipeline.steps import BY_NAME
from chatrec.publish.outputs import OUTPUTS
from chatrec.publish.partitions import tables_of
from chatrec.runs.disk import readable_disk_errors
from chatrec.runs.file_lock import RUN_LOCK
from chatrec.runs.files import remove_stale_partials
from chatrec.runs.run import Run, runs_under, using_snapshots
from chatrec.runtime.progress import progress

LOG = logging.getLogger("chatrec")
AT_WORK = text("SELECT key FROM runs WHERE state = 'running' AND started_by <> :cli ORDER BY run DESC LIMIT 1")
OF_ALL = {"unpublished runs", "evaluations", "unfinished fine-tunings", "encoders", "vectors"}
"""Kinds of files that are removed because they may know any user."""
NEEDED = ("extract", "embed")
"""Steps whose files `chatrec evaluate` and `chatrec finetune` read after the run."""


@dataclass(frozen=True)
class Erased:
    """Result of an erasure."""

    number: int
    """Number of the record in `erasures`."""
    removed: dict[str, int]
    """Number of removed rows and files by kind, without zeros."""
    still_given: dict[str, int]
    """Number of rows that the mapping SELECTs still return, by relation."""

    @property
    def known(self) -> bool:
        """Whether anything of the user was there, here or in the source tables."""
        return bool(self.still_given or self.removed.keys() - OF_ALL)


def erase(settings: Settings, user: str) -> Erased:
    """Removes a user from all tables and files of chatrec. The source tables are not changed.

    Args:
        settings: Settings of the installation.
        user: User id, as in the source tables.

    Raises:
        RunError: If the id is not valid in this database.
        Busy: If a run, an evaluation or a fine-tuning is in progress.
    """
    root, schema = settings.artifacts.root, settings.database.schema_name
    with (
        readable_disk_errors(root),
        open_database(settings, "chatrec erase") as engine,
        _alone(engine, schema, root) as runs,
    ):
        subject = ErasureSubject.of(*user_id_of(engine, user))
        given = _still_given(settings, subject)
        number = erasures.begin(engine, subject.text, settings.erasure.key, given)
        removed = _tables(engine, subject)
        removed += _files(settings, runs, {record.key for record in _kept(engine)}, subject)
        counts = {kind: rows for kind, rows in sorted(removed.items()) if rows}
        erasures.finish(engine, number, counts)
    if given:
        rows = ", ".join(f"{count:,} rows of source.{relation}" for relation, count in given.items())
        LOG.warning(
            "Your own tables still contain this user: %s. Delete the rows there, or the next run reads them again.",
            rows,
        )
    erased = Erased(number, counts, given)
    if not erased.known:
        LOG.warning("Nothing of this user was stored, and your own tables have no such user: is the id right?")
    return erased


@contextmanager
def _alone(engine: Engine, schema: str, root: Path) -> Iterator[list[Run]]:
    """Yields the runs, locked: no run is in progress or between two tasks of a scheduler, and no snapshot is in use.

    A scheduler may begin another run within the block; that run is not among those yielded.
    """
    refuse_transaction_pooler(engine)
    with (
        hold(engine, schema, "run", file=root / RUN_LOCK),
        hold(engine, schema, "publish"),
        using_snapshots(root, alone=True),
    ):
        runs = runs_under(root)
        with engine.connect() as connection:
            key = connection.scalar(AT_WORK, {"cli": CLI})
        if key:
            raise Busy(
                f"Run {key} has not ended: repeat the erasure after it has ended or a later run has replaced it."
            )
        yield runs


def _still_given(settings: Settings, subject: ErasureSubject) -> dict[str, int]:
    name = "source.url" if settings.source.url else "database.url"
    engine = engines.source(settings, "chatrec erase")
    try:
        with engines.readable_errors(name, engines.source_url(settings)), read_only(engine) as cursor:
            return still_given(cursor, check_mapping(cursor, selects(settings.source)), subject)
    finally:
        engine.dispose()


def _kept(engine: Engine) -> list[records.RunRecord]:
    with engine.connect() as connection:
        return records.kept(connection)


def _tables(engine: Engine, subject: ErasureSubject) -> Counter[str]:
    """Removes the user's rows from the tables of all runs, published or not."""
    removed: Counter[str] = Counter()
    for output in OUTPUTS:
        if "user_id" in output.columns:
            removed[output.name] = erasures.remove_rows(engine, tables_of(engine, output), subject.text)
    removed["quarantine"] = erasures.remove_quarantined(engine, subject.text)
    return removed


def _files(settings: Settings, runs: list[Run], kept: set[str], subject: ErasureSubject) -> Counter[str]:
    """Removes the user from the files of kept runs, and all files of the others."""
    root, removed = settings.artifacts.root, Counter[str]()
    with progress("Erasing", len(runs) + 1, "runs") as shown:
        for run in runs:
            if run.key in kept and run.erasable("extract"):
                removed += _from_run(run, subject)
            else:
                run.remove()
                removed["unpublished runs"] += 1
            shown.advance(note=run.key)
        removed["days of events"] = remove_days(partition_folder(root), subject)
        removed["evaluations"] = _evaluations(root)
        newest = next((run for run in reversed(runs) if run.intact("extract")), None)
        snapshot = Snapshot(newest.step_folder("extract")) if newest else None
        templates = _templates(settings, newest)
        removed["vectors"] = forget_texts(root, snapshot, templates)
        shown.advance(note="vectors")
    registry.mark_erasure(root)
    removed["unfinished fine-tunings"] = finetune.abandon(root)
    removed["encoders"] = len(registry.prune(root, settings.advanced.finetune.keep))
    shared = [partition_folder(root), *(root / name for name in (registry.VECTORS, registry.FOLDER, EVALUATIONS))]
    for folder in (*shared, *(run.folder for run in runs)):
        remove_stale_partials(folder, seconds=0)
    return removed


def _from_run(run: Run, subject: ErasureSubject) -> Counter[str]:
    """Removes the user from a run's snapshot, and the files of its models."""
    removed: Counter[str] = Counter()
    row = row_of(run.step_folder("extract"), subject)
    with run.changing(*NEEDED):
        if row is not None:
            removed["step folders"] = _remove_steps(run.folder, NEEDED)
            blank(run.step_folder("embed"), row)
        return removed + erase_from_snapshot(run.step_folder("extract"), subject)


def _templates(settings: Settings, run: Run | None) -> TextConfig:
    """Returns the templates of a run; those of the settings if they are lost."""
    try:
        return (settings_of(settings, run) if run else settings).text_config
    except ArtifactError as error:
        LOG.warning("%s The present templates are used.", error)
        return settings.text_config


def _evaluations(root: Path) -> int:
    """Removes the snapshots and models of evaluations, not their numbers and reports.

    Returns:
        The number of evaluations that had any.
    """
    folders = list((root / EVALUATIONS).glob("*/"))
    for folder in folders:
        for step in BY_NAME:
            (folder / f"{step}.json").unlink(missing_ok=True)
    return sum(_remove_steps(folder) > 0 for folder in folders)


def _remove_steps(folder: Path, needed: tuple[str, ...] = ()) -> int:
    """Removes the files of a run's steps and returns the number of steps that had any."""
    folders = [folder / step for step in BY_NAME if step not in needed and (folder / step).exists()]
    for path in folders:
        shutil.rmtree(path)
    return len(folders)
