"""Runs: all steps at once (as `chatrec run` does) or step by step (as Airflow does), by the same runner."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine

from chatrec.config import Settings
from chatrec.db import migrate, records, rights, server
from chatrec.db.engine import cursor, open_database
from chatrec.db.lock import hold
from chatrec.db.pooler import refuse_transaction_pooler
from chatrec.errors import ChatrecError
from chatrec.pipeline.context import DEFAULT_OPTIONS, RunOptions
from chatrec.pipeline.run_result import RunResult
from chatrec.pipeline.run_settings import options_of, settings_of
from chatrec.pipeline.runner import CLI, Runner
from chatrec.pipeline.step import Step
from chatrec.pipeline.steps import BY_NAME
from chatrec.publish import pointer
from chatrec.runs.disk import readable_disk_errors
from chatrec.runs.file_lock import RUN_LOCK
from chatrec.runs.run import Manifest, Run, key_of

LOG = logging.getLogger("chatrec")
Watch = Callable[[Step, Manifest | None], None]
"""Called with each step: with None when it begins, with its manifest when it is done."""


def begin(settings: Settings, key: str, started_by: str, options: RunOptions = DEFAULT_OPTIONS) -> Run:
    """Records a run, with the settings that all its steps use, wherever they are performed.

    Args:
        settings: Settings of the run.
        key: Key of the run.
        started_by: Name of the program that starts it, such as "cli" or "airflow".
        options: Options of the run.

    Raises:
        SettingsError: If the database lacks migrations, the role a right, or a setting does not fit the source tables.
    """
    with _open(settings, _run(settings, key), f"begin {key}", options) as runner:
        _refuse_unfit_database(runner.engine, settings)
        if runner.begin(started_by).state != "published":
            with runner.recorded_failure():
                _refuse_unfit(runner)
    return runner.run


def perform(settings: Settings, key: str, name: str) -> Manifest:
    """Performs one step of a run, unless it was performed with the same inputs before.

    Args:
        settings: Settings with the connections and the artifact root. All others are those of the run.
        key: Key of the run.
        name: Name of the step.

    Raises:
        ChatrecError: If the step fails. The error is recorded with the run. A TransientError may be retried.
    """
    run = _run(settings, key)
    with _open(settings_of(settings, run), run, f"{name} {key}", options_of(run)) as runner:
        return runner.perform(BY_NAME[name])


def run(
    settings: Settings,
    key: str | None = None,
    watch: Watch | None = None,
    approve: bool = False,
    options: RunOptions = DEFAULT_OPTIONS,
    raise_on_error: bool = False,
) -> RunResult:
    """Run the pipeline, from your tables to published recommendations. Resumes an interrupted run.

    An error that ends the run, such as a failed check, is in the result, with the steps before it. An error that
    prevents the start of the run is raised.

    Args:
        settings: Settings of the run.
        key: Key of the run. By default that of the latest interrupted run, else one made from the time.
        watch: Called with each step, and with its manifest when it is done.
        approve: Publish even if `publish.approval` requires approval.
        options: Options of the run.
        raise_on_error: Raise the error that ends the run instead of returning it.

    Raises:
        SettingsError: If the database cannot be used as configured, or lacks migrations.
        Busy: If another run is in progress; the message names its process.
        ChatrecError: With `raise_on_error`, the error that ended the run; its field `step` names the step.

    Example::

        result = run(load(Path("chatrec.toml")))
        if result.ok:
            print(result.key, result.steps["rank"].result.rows)
        else:
            print(result.verdict, [check.name for check in result.checks if not check.ok])
    """
    with readable_disk_errors(settings.artifacts.root), open_database(settings, "chatrec run") as engine:
        _refuse_unfit_database(engine, settings)
        with hold(engine, settings.database.schema_name, "run", file=settings.artifacts.root / RUN_LOCK) as lock:
            key = key or _interrupted(engine) or key_of(datetime.now(UTC))
            error = None
            try:
                _perform_all(Runner(settings, _run(settings, key), engine, options, lock), watch, approve)
            except ChatrecError as failure:
                if raise_on_error:
                    raise
                error = failure
            with engine.connect() as connection:
                return RunResult.read(connection, key, error)


def _perform_all(runner: Runner, watch: Watch | None, approve: bool) -> None:
    report: Watch = watch or (lambda step, manifest: None)
    if runner.begin(CLI).state == "published":
        return
    with runner.recorded_failure():
        _refuse_unfit(runner)
        for step in runner.steps:
            report(step, None)
            if approve and step.name == "publish":
                runner.approve()
            report(step, runner.perform(step))


def fail(settings: Settings, key: str, verdict: str) -> None:
    """Records that a run has failed for good, unless its end is already recorded."""
    with _open(settings, _run(settings, key), f"fail {key}") as runner:
        runner.end("failed", verdict)


def metrics(settings: Settings, key: str) -> dict[str, dict[str, float]]:
    """Returns the metrics of a run, by model and name."""
    with open_database(settings, f"metrics {key}") as engine, engine.connect() as connection:
        return records.metrics(connection, records.get(connection, key).run)


def rollback(settings: Settings, key: str | None) -> str:
    """Makes an older run live again and returns its key. See `chatrec.publish.pointer.rollback`."""
    with open_database(settings, "rollback") as engine:
        return pointer.rollback(engine, key).key


@contextmanager
def _open(settings: Settings, run: Run, purpose: str, options: RunOptions = DEFAULT_OPTIONS) -> Iterator[Runner]:
    with readable_disk_errors(settings.artifacts.root), open_database(settings, purpose) as engine:
        yield Runner(settings, run, engine, options)


def _run(settings: Settings, key: str) -> Run:
    return Run(settings.artifacts.root, key)


def _interrupted(engine: Engine) -> str | None:
    with engine.connect() as connection:
        record = records.interrupted(connection, CLI)
    if record:
        LOG.info("Resuming run %s, which was interrupted.", record.key)
    return record.key if record else None


def _refuse_unfit(runner: Runner) -> None:
    from chatrec.pipeline.begin_checks import refuse_unfit

    refuse_unfit(runner.settings, runner.run.key, runner.engine)


def _refuse_unfit_database(engine: Engine, settings: Settings) -> None:
    """Refuses what the end of a run would miss: migrations, rights, connections, a database that can be written."""
    schema = settings.database.schema_name
    refuse_transaction_pooler(engine)
    with cursor(engine) as opened:
        server.refuse_unfit(opened)
        rights.refuse_missing(opened, schema)
    migrate.refuse_pending(engine, schema)
