"""Runs: all steps at once (as `chatrec run` does) or step by step (as Airflow does), by the same runner."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine

from chatrec.config import Settings
from chatrec.db import migrate, records
from chatrec.db.engine import open_database
from chatrec.db.lock import hold
from chatrec.errors import SettingsError
from chatrec.pipeline.run_settings import settings_of
from chatrec.pipeline.runner import CLI, Runner
from chatrec.pipeline.step import Step
from chatrec.pipeline.steps import BY_NAME
from chatrec.publish import pointer
from chatrec.runs.run import Manifest, Run, key_of

LOG = logging.getLogger("chatrec")
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
    with _open(settings, key, f"begin {key}") as runner:
        _refuse_unmigrated(runner.engine, settings)
        runner.begin(started_by)
    return runner.run


def perform(settings: Settings, key: str, name: str) -> Manifest:
    """Does one step of a run, unless it was done from the same inputs before.

    Args:
        settings: for the connections and the artifact root; all else is the run's own.
        key: of the run.
        name: of the step.

    Raises:
        ChatrecError: recorded with the run; a TransientError may be tried again.
    """
    step, own = BY_NAME[name], settings_of(settings, Run(settings.artifacts.root, key))
    with _open(own, key, f"{name} {key}") as runner:
        return runner.perform(step)


def run(
    settings: Settings, key: str | None = None, watch: Watch | None = None, approve: bool = False
) -> records.RunRecord:
    """Runs the pipeline, or the rest of an interrupted run.

    Args:
        settings: of this run, options included.
        key: of the run; default: the run that was interrupted last, else a new one that stands for now.
        watch: is told of each step.
        approve: publish even if a person has to decide about it (`publish.approval`).

    Returns:
        The record of the run.

    Raises:
        RunStopped: a check failed, or a person has to decide.
        Busy: another run is in progress; names its process.
        ChatrecError: the run failed; recorded with the run.
    """
    tell: Watch = watch or (lambda step, manifest: None)
    with open_database(settings, "chatrec run") as engine:
        _refuse_unmigrated(engine, settings)
        with hold(engine, settings.database.schema_name, "run"):
            key = key or _interrupted(engine) or key_of(datetime.now(UTC))
            runner = Runner(settings, Run(settings.artifacts.root, key), engine)
            if runner.begin(CLI).state != "published":
                with runner.recorded_failure():
                    for step in runner.steps:
                        tell(step, None)
                        if approve and step.name == "publish":
                            runner.approve()
                        tell(step, runner.perform(step, alone=False))
        return runner.record


def fail(settings: Settings, key: str, verdict: str) -> None:
    """Records that a run has failed for good, unless how it ended is recorded already."""
    with _open(settings, key, f"fail {key}") as runner:
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
def _open(settings: Settings, key: str, purpose: str) -> Iterator[Runner]:
    with open_database(settings, purpose) as engine:
        yield Runner(settings, Run(settings.artifacts.root, key), engine)


def _interrupted(engine: Engine) -> str | None:
    with engine.connect() as connection:
        record = records.interrupted(connection, CLI)
    if record:
        LOG.info("Going on with run %s, which was interrupted.", record.key)
    return record.key if record else None


def _refuse_unmigrated(engine: Engine, settings: Settings) -> None:
    waiting = migrate.pending(engine, settings.database.schema_name)
    if waiting:
        raise SettingsError(
            f"The schema {settings.database.schema_name} lacks {len(waiting)} migrations: run `chatrec db migrate`."
        )
