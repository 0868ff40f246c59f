"""The runner performs the steps of a run and records them, over one engine."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from chatrec.config import Settings
from chatrec.db import records
from chatrec.db.engine import readable_errors
from chatrec.db.failures import recorded
from chatrec.db.fence import Fence
from chatrec.db.lock import Lock, hold
from chatrec.errors import ChatrecError, LockLost, RunStopped
from chatrec.pipeline.context import DEFAULT_OPTIONS, Context, RunOptions
from chatrec.pipeline.run_settings import keep_settings
from chatrec.pipeline.step import Step
from chatrec.pipeline.step_cache import do, done_before, inputs_of, reuse
from chatrec.pipeline.steps import BY_NAME, STEPS, before
from chatrec.runs.disk import readable_disk_errors
from chatrec.runs.file_lock import RUN_LOCK, lock_file
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
    lock: Lock | None = None
    """The lock of all runs, if the whole run holds it. Else each step takes it, shared with other steps."""

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
        with self._writing(self.lock) as connection:
            record = records.open_run(connection, self.run.key, started_by, settings)
            if record.state != "published":
                records.fail_others(connection, record.run, started_by)
        if record.state != "published":
            keep_settings(self.settings, self.run, self.options)
        return record

    def perform(self, step: Step) -> Manifest:
        """Performs a step, unless it was performed with the same inputs before, and records its result.

        Raises:
            Busy: If another process performs it, or a run is in progress.
            LockLost: If another process has taken it over.
        """
        record = self.record
        if record.state == "published":
            return self.run.finished(step.name)
        with self._locked(step) as lock:
            manifest = self._perform(record.run, step, lock)
            if step is self.steps[-1]:
                self.end("dry" if self.options.dry_run else "published", self._verdict(manifest), lock)
        return manifest

    def approve(self) -> None:
        """Records an approval of the run, if it needs one."""
        with self.engine.begin() as connection:
            record = records.get(connection, self.run.key)
            if record.approval:
                records.set_approval(connection, record.run, "approved", CLI)

    def end(self, state: str, verdict: str, check: Lock | Fence | None = None) -> None:
        """Records the end of the run, unless it is already recorded."""
        with _best_effort(), self._writing(check or self.lock) as connection:
            record = records.get(connection, self.run.key)
            if record.state == "running":
                records.end(connection, record.run, state, verdict)

    @contextmanager
    def recorded_failure(self) -> Iterator[None]:
        """Records an error of the block as the end of the run."""
        try:
            with readable_disk_errors(self.settings.artifacts.root), readable_errors("database.url", self.engine.url):
                yield
        except Exception as error:
            self.end("failed", recorded(error))
            raise

    def _verdict(self, last: Manifest) -> str:
        """Returns the verdict of the checks, and whether the lists are new. An error cannot undo the run any more."""
        try:
            verdict = self.run.result("gate", GateResult).verdict
        except ChatrecError as error:
            verdict = f"The verdict of the checks is lost: {error}"
        if isinstance(last.result, PublishResult) and last.result.same_lists_as:
            verdict += f" The lists are the same as those of run {last.result.same_lists_as}."
        return verdict

    @contextmanager
    def _locked(self, step: Step) -> Iterator[Lock]:
        """Yields the lock of the whole run, or takes it for one step, which no other process performs meanwhile."""
        if self.lock is not None:
            yield self.lock
            return
        schema, file = self.settings.database.schema_name, self.run.root / RUN_LOCK
        with (
            hold(self.engine, schema, "run", shared=True, file=file) as lock,
            lock_file(self.run.folder / f"{step.name}.lock", lock.holder),
        ):
            yield lock

    @contextmanager
    def _writing(self, check: Lock | Fence | None) -> Iterator[Connection]:
        """Yields a connection in a transaction, in which no other process can take over."""
        with self.engine.begin() as connection:
            if check is not None:
                check.check(connection)
            yield connection

    def _repeat_damaged(self, number: int, step: Step, lock: Lock) -> None:
        """Repeats the steps before a step that were done and have damaged files, and those that depend on them."""
        if all(self.run.intact(name) for name in step.needs):
            return
        with self.engine.connect() as connection:
            states = {record.step: record.state for record in records.steps(connection, number)}
        if all(states.get(name) == "done" for name in step.needs):
            for name in before(step):
                self._perform(number, BY_NAME[name], lock)

    def _perform(self, number: int, step: Step, lock: Lock) -> Manifest:
        self._repeat_damaged(number, step, lock)
        inputs = inputs_of(self.settings, self.run, step, options=self.options)
        if done := done_before(self.run, step, inputs):
            LOG.info("%s: already done, with the same inputs.", step.title)
            return done
        with self._writing(lock) as connection:
            fence = Fence(lock, number, step.name, records.step_begins(connection, number, step.name))
        clock = time.monotonic()
        try:
            with readable_disk_errors(self.settings.artifacts.root):
                folder = self.run.fresh_folder(step.name)
                context = Context(self.run, self.settings, folder, self.engine, number, self.options, fence)
                manifest = (_reuse(context, step, inputs) if step.reusable else None) or do(context, step, inputs)
        except Exception as error:
            self._record_step(fence, "failed", time.monotonic() - clock, {"error": recorded(error)[:1000]})
            if isinstance(error, ChatrecError):
                error.step = step.name
            if isinstance(error, RunStopped):
                self.end("stopped", str(error), fence)
            raise
        self._record_step(fence, "done", manifest.seconds, manifest.result.to_dict())
        return manifest

    def _record_step(self, fence: Fence, state: str, seconds: float, counts: dict[str, Any]) -> None:
        with _best_effort(), self._writing(fence) as connection:
            records.step_ends(connection, fence.run, fence.step, state, round(seconds, 3), counts)


def _reuse(context: Context, step: Step, inputs: str) -> Manifest | None:
    """Reuses files of an earlier run, except with the option `full` and with privacy, whose ledger counts releases."""
    if context.options.full or context.settings.privacy.enabled:
        return None
    if manifest := reuse(context, step, inputs):
        LOG.info("%s: nothing changed since run %s.", step.title, manifest.result.reused_from)
    return manifest


@contextmanager
def _best_effort() -> Iterator[None]:
    """Logs an error of the block instead of raising it, so that it does not hide the error of a step.

    Raises:
        LockLost: If another process has taken over, which may be the reason of the step's error.
    """
    try:
        yield
    except LockLost:
        raise
    except Exception as error:
        LOG.warning("The run could not be recorded: %s", getattr(error, "orig", error))
