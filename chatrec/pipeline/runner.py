"""Running a night: one step (as Airflow does) or all of them (as `chatrec run` does), by the same function."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from chatrec.config import Settings
from chatrec.db import migrate, records
from chatrec.db.engine import open_database
from chatrec.db.lock import hold
from chatrec.errors import RunError, RunStopped, SettingsError
from chatrec.pipeline.context import Context
from chatrec.pipeline.step import Step
from chatrec.pipeline.step_cache import do, done_before, inputs_of, manifest_of, reuse
from chatrec.pipeline.steps import BY_NAME, STEPS
from chatrec.publish.pointer import rollback
from chatrec.runs.run import SAME_LISTS, UNCHANGED, Counts, Manifest, Run, key_of, write_atomically

LOG = logging.getLogger("chatrec")
SETTINGS = "settings.json"
CLI = "cli"
Watch = Callable[[Step, Manifest | None], None]
"""Is told of each step: with None when it begins, with its manifest when it is done."""


def begin(settings: Settings, key: str, started_by: str) -> Run:
    """Records a run and the settings that all its steps will use, wherever they run.

    Args:
        settings: of this run, options included.
        key: of the run.
        started_by: "cli", or who else.

    Raises:
        SettingsError: the database has not been migrated.
    """
    run = Run(settings.artifacts.root, key)
    with open_database(settings, f"begin {key}") as engine:
        _refuse_unmigrated(engine, settings)
        with engine.begin() as connection:
            record = records.open_run(connection, key, started_by, settings.frozen())
            if record.state != "published":
                records.give_up_others(connection, record.run, started_by)
    if record.state != "published":
        write_atomically(run.folder / SETTINGS, json.dumps(changes_of(settings), default=str))
    return run


def finished(settings: Settings, run: Run) -> bool:
    """Whether a run was published; then doing it again is doing nothing."""
    with open_database(settings, f"look at {run.key}") as engine, engine.connect() as connection:
        return records.get(connection, run.key).state == "published"


def perform(settings: Settings, key: str, name: str, alone: bool = True) -> Manifest:
    """Does one step of a run, unless it was done from the same inputs before.

    Args:
        settings: for the connections and the artifact root; all else is the run's own.
        key: of the run.
        name: of the step.
        alone: take the night's lock for the length of the step; false where the whole night is locked.

    Raises:
        ChatrecError: recorded with the run; a TransientError may be tried again.
    """
    step, run = BY_NAME[name], Run(settings.artifacts.root, key)
    settings = of_run(settings, run)
    with open_database(settings, f"{name} {key}") as engine:
        with engine.connect() as connection:
            record = records.get(connection, key)
        if record.state == "published":
            return manifest_of(run, step.name)
        lock = hold(engine, settings.database.schema_name, "night", shared=True) if alone else nullcontext()
        with lock:
            manifest = _do(engine, settings, run, record.run, step)
        if step is steps_of(settings)[-1]:
            words = str(manifest.counts.get("verdict") or manifest_of(run, "gate").counts["verdict"])
            if same := manifest.counts.get(SAME_LISTS):
                words += f" The lists are the same as those of run {same}."
            _record_end(engine, key, "dry" if settings.night.dry_run else "published", words)
        return manifest


def steps_of(settings: Settings) -> tuple[Step, ...]:
    """The steps of a night; a dry one ends with the checks."""
    return STEPS[:-1] if settings.night.dry_run else STEPS


def run_night(
    settings: Settings, key: str | None = None, watch: Watch | None = None, approve: bool = False
) -> records.RunRecord:
    """Does a whole night, or what is left of one.

    Args:
        settings: of this run, options included.
        key: of the run; default: the run that was interrupted last, else a new one that stands for now.
        watch: is told of each step.
        approve: publish even if a person has to decide about it (`publish.approval`).

    Returns:
        The record of the run.

    Raises:
        RunStopped: a check failed, or a person has to decide.
        Busy: another night is at work; says whose.
        ChatrecError: the night failed; recorded with the run.
    """
    tell: Watch = watch or (lambda step, manifest: None)
    with open_database(settings, "chatrec run") as engine:
        _refuse_unmigrated(engine, settings)
        with hold(engine, settings.database.schema_name, "night"):
            key = key or _interrupted(engine) or key_of(datetime.now(UTC))
            run = begin(settings, key, CLI)
            if not finished(settings, run):
                with _recorded_failure(engine, key):
                    for step in steps_of(settings):
                        tell(step, None)
                        if approve and step.name == "publish":
                            _approve(engine, key)
                        tell(step, perform(settings, key, step.name, alone=False))
        with engine.connect() as connection:
            return records.get(connection, key)


def fail(settings: Settings, key: str, verdict: str) -> None:
    """Records that a night has failed for good, unless how it ended is recorded already."""
    with open_database(settings, f"fail {key}") as engine:
        _record_end(engine, key, "failed", verdict)


def measured(settings: Settings, key: str) -> dict[str, dict[str, float]]:
    """The metrics of a run, by channel and name."""
    with open_database(settings, f"metrics {key}") as engine, engine.connect() as connection:
        return records.metrics(connection, records.get(connection, key).run)


def go_back(settings: Settings, key: str | None) -> str:
    """Makes an older night live again; returns its key. See `chatrec.publish.pointer.rollback`."""
    with open_database(settings, "rollback") as engine:
        return rollback(engine, key).key


def of_run(settings: Settings, run: Run) -> Settings:
    """The settings with which a run was begun."""
    file = run.folder / SETTINGS
    if not file.exists():
        raise RunError(f"Run {run.key} has no files under {run.root}: begin it with `chatrec run`.")
    return settings.override(json.loads(file.read_text(encoding="utf-8")))


def changes_of(settings: Settings) -> dict[str, Any]:
    """Everything that decides what a run computes, by dotted key."""
    values = settings.frozen()
    return {
        f"{section}.{name}": value
        for section, fields in values.items()
        if section not in ("artifacts", "database")
        for name, value in fields.items()
    }


def _do(engine: Engine, settings: Settings, run: Run, number: int, step: Step) -> Manifest:
    inputs = inputs_of(settings, run, step)
    if done := done_before(run, step, inputs):
        LOG.info("%s was done before.", step.title)
        return done
    with engine.begin() as connection:
        records.step_begins(connection, number, step.name)
    clock = time.monotonic()
    counts = {name: manifest.counts for name in BY_NAME if (manifest := run.manifest(name))}
    try:
        context = Context(run, settings, run.fresh_folder(step.name), engine, number, counts)
        manifest = (_reuse(context, step, inputs) if step.reusable else None) or do(context, step, inputs)
    except Exception as error:
        _record_step(engine, number, step, "failed", time.monotonic() - clock, {"error": str(error)[:1000]})
        if isinstance(error, RunStopped):
            _record_end(engine, run.key, "stopped", str(error))
        raise
    _record_step(engine, number, step, "done", manifest.seconds, manifest.counts)
    return manifest


def _reuse(context: Context, step: Step, inputs: str) -> Manifest | None:
    """Files of an earlier run, unless all is to be done again, or a ledger has to count what is made."""
    if context.settings.night.full or context.settings.privacy.enabled:
        return None
    if manifest := reuse(context, step, inputs):
        LOG.info("%s: nothing changed since run %s.", step.title, manifest.counts[UNCHANGED])
    return manifest


def _approve(engine: Engine, key: str) -> None:
    with engine.begin() as connection:
        record = records.get(connection, key)
        if record.approval:
            records.set_approval(connection, record.run, "approved", CLI)


def _interrupted(engine: Engine) -> str | None:
    with engine.connect() as connection:
        record = records.interrupted(connection, CLI)
    if record:
        LOG.info("Going on with run %s, which was interrupted.", record.key)
    return record.key if record else None


@contextmanager
def _recorded_failure(engine: Engine, key: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _record_end(engine, key, "failed", str(error))
        raise


def _record_step(engine: Engine, run: int, step: Step, state: str, seconds: float, counts: Counts) -> None:
    with _best_effort(), engine.begin() as connection:
        records.step_ends(connection, run, step.name, state, round(seconds, 3), counts)


def _record_end(engine: Engine, key: str, state: str, verdict: str) -> None:
    with _best_effort(), engine.begin() as connection:
        record = records.get(connection, key)
        if record.state == "running":
            records.end(connection, record.run, state, verdict)


@contextmanager
def _best_effort() -> Iterator[None]:
    """The record of a step is for people: a database that is down must not hide the error that a step had."""
    try:
        yield
    except Exception as error:
        LOG.warning("The run could not be recorded: %s", error)


def _refuse_unmigrated(engine: Engine, settings: Settings) -> None:
    waiting = migrate.pending(engine, settings.database.schema_name)
    if waiting:
        raise SettingsError(
            f"The schema {settings.database.schema_name} lacks {len(waiting)} migrations: run `chatrec db migrate`."
        )
