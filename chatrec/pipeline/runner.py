"""The runner performs the steps of a run and records them, over one engine."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine

from chatrec.config import Settings
from chatrec.db import records
from chatrec.db.engine import readable_errors
from chatrec.db.failures import recorded
from chatrec.db.lock import hold
from chatrec.errors import ChatrecError, RunStopped
from chatrec.pipeline.context import DEFAULT_OPTIONS, Context, RunOptions
from chatrec.pipeline.run_settings import keep_settings
from chatrec.pipeline.step import Step
from chatrec.pipeline.step_cache import do, done_before, inputs_of, reuse
from chatrec.pipeline.steps import STEPS
from chatrec.runs.results import GateResult, PublishResult
from chatrec.runs.run import Manifest, Run

LOG = logging.getLogger("chatrec")
CLI = "cli"


@dataclass(frozen=True)
class Runner:
    """A run with its settings and options, and the engine that records it."""

    settings: Settings
    run: Run
    engine: Engine
    options: RunOptions = DEFAULT_OPTIONS

    @property
    def record(self) -> records.RunRecord:
        """The current record of the run in the database."""
        with self.engine.connect() as connection:
            return records.get(connection, self.run.key)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the run; a dry run ends with the checks."""
        return STEPS[:-1] if self.options.dry_run else STEPS

    def begin(self, started_by: str) -> records.RunRecord:
        """Records the run and its settings. A published run is not changed."""
        settings = {**self.settings.frozen(), "options": asdict(self.options)}
        with self.engine.begin() as connection:
            record = records.open_run(connection, self.run.key, started_by, settings)
            if record.state != "published":
                records.fail_others(connection, record.run, started_by)
        if record.state != "published":
            keep_settings(self.settings, self.run, self.options)
        return record

    def perform(self, step: Step, alone: bool = True) -> Manifest:
        """Performs a step, unless it was performed with the same inputs before, and records its result.

        Args:
            step: The step.
            alone: Whether to hold the lock of the run during the step; false if the whole run holds it.
        """
        record = self.record
        if record.state == "published":
            return self.run.finished(step.name)
        schema = self.settings.database.schema_name
        with hold(self.engine, schema, "run", shared=True) if alone else nullcontext():
            manifest = self._perform(record.run, step)
        if step is self.steps[-1]:
            verdict, published = self.run.result("gate", GateResult).verdict, manifest.result
            if isinstance(published, PublishResult) and published.same_lists_as:
                verdict += f" The lists are the same as those of run {published.same_lists_as}."
            self.end("dry" if self.options.dry_run else "published", verdict)
        return manifest

    def approve(self) -> None:
        """Records an approval of the run, if it needs one."""
        with self.engine.begin() as connection:
            record = records.get(connection, self.run.key)
            if record.approval:
                records.set_approval(connection, record.run, "approved", CLI)

    def end(self, state: str, verdict: str) -> None:
        """Records the end of the run, unless it is already recorded."""
        with _best_effort(), self.engine.begin() as connection:
            record = records.get(connection, self.run.key)
            if record.state == "running":
                records.end(connection, record.run, state, verdict)

    @contextmanager
    def recorded_failure(self) -> Iterator[None]:
        """Records an error of the block as the end of the run."""
        try:
            with readable_errors("database.url", self.engine.url):
                yield
        except Exception as error:
            self.end("failed", recorded(error))
            raise

    def _perform(self, number: int, step: Step) -> Manifest:
        inputs = inputs_of(self.settings, self.run, step, options=self.options)
        if done := done_before(self.run, step, inputs):
            LOG.info("%s: already done, with the same inputs.", step.title)
            return done
        with self.engine.begin() as connection:
            records.step_begins(connection, number, step.name)
        clock = time.monotonic()
        try:
            folder = self.run.fresh_folder(step.name)
            context = Context(self.run, self.settings, folder, self.engine, number, self.options)
            manifest = (_reuse(context, step, inputs) if step.reusable else None) or do(context, step, inputs)
        except Exception as error:
            self._record_step(number, step, "failed", time.monotonic() - clock, {"error": recorded(error)[:1000]})
            if isinstance(error, ChatrecError):
                error.step = step.name
            if isinstance(error, RunStopped):
                self.end("stopped", str(error))
            raise
        self._record_step(number, step, "done", manifest.seconds, manifest.result.to_dict())
        return manifest

    def _record_step(self, number: int, step: Step, state: str, seconds: float, counts: dict[str, Any]) -> None:
        with _best_effort(), self.engine.begin() as connection:
            records.step_ends(connection, number, step.name, state, round(seconds, 3), counts)


def _reuse(context: Context, step: Step, inputs: str) -> Manifest | None:
    """Reuses files of an earlier run, except with the option `full` and with privacy, whose ledger counts releases."""
    if context.options.full or context.settings.privacy.enabled:
        return None
    if manifest := reuse(context, step, inputs):
        LOG.info("%s: nothing changed since run %s.", step.title, manifest.result.reused_from)
    return manifest


@contextmanager
def _best_effort() -> Iterator[None]:
    """Logs an error of the block instead of raising it, so that it does not hide the error of a step."""
    try:
        yield
    except Exception as error:
        LOG.warning("The run could not be recorded: %s", getattr(error, "orig", error))
