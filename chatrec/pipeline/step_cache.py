"""The cache of steps: a step with an intact manifest of the same inputs is not performed again."""

import logging
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from operator import getitem
from typing import Any

from chatrec import __version__
from chatrec.config import Settings
from chatrec.pipeline.context import DEFAULT_OPTIONS, Context, RunOptions
from chatrec.pipeline.step import Step
from chatrec.runs.digests import fingerprint
from chatrec.runs.run import TAKEN_AT, Manifest, Run, runs_under

LOG = logging.getLogger("chatrec")


def inputs_of(settings: Settings, run: Run, step: Step, *others: object, options: RunOptions = DEFAULT_OPTIONS) -> str:
    """Returns the fingerprint of all inputs of a step.

    Args:
        settings: Settings of the run.
        run: The run, with the steps before this one finished.
        step: The step.
        *others: Further inputs.
        options: Options of the run.

    Raises:
        RunError: If a step before it is not finished.
    """
    chosen = values_of(settings, step.settings) | {name: getattr(options, name) for name in step.options}
    before = {name: run.finished(name).digest for name in step.needs}
    if "rules" in step.settings and settings.rules.depend_on_time:
        others = (*others, (run.step_folder("extract") / TAKEN_AT).read_text(encoding="utf-8"))
    return fingerprint(__version__, chosen, before, *others)


def values_of(settings: Settings, keys: Sequence[str]) -> dict[str, Any]:
    """Returns the values of settings by dotted key. A section includes its table under `advanced`."""
    values = settings.frozen()
    advanced = values["advanced"]
    sections = {f"advanced.{key}" for key in keys if key in advanced}
    return {key: reduce(getitem, key.split("."), values) for key in (*keys, *sections)}


def done_before(run: Run, step: Step, inputs: str) -> Manifest | None:
    """Returns the manifest of a step if it was performed with the same inputs and is intact, else None."""
    return run.intact(step.name) if _same_inputs(run, step, inputs) else None


def do_once(settings: Settings, run: Run, step: Step, *others: object) -> Manifest:
    """Performs a step without a database, unless it was performed with the same inputs before.

    Arguments as in `inputs_of`.
    """
    inputs = inputs_of(settings, run, step, *others)
    if done := done_before(run, step, inputs):
        LOG.info("%s: already done, with the same inputs.", step.title)
        return done
    return do(Context(run, settings, run.fresh_folder(step.name)), step, inputs)


def reuse(context: Context, step: Step, inputs: str) -> Manifest | None:
    """Reuses the files that an earlier run made with the same inputs; None if there are none, or they have changed."""
    started, clock = datetime.now(UTC), time.monotonic()
    for earlier in reversed(runs_under(context.run.root)):
        made = _same_inputs(earlier, step, inputs) if earlier.key != context.run.key else None
        if made is None or not earlier.step_folder(step.name).is_dir() or not earlier.intact(step.name):
            continue
        shutil.copytree(earlier.step_folder(step.name), context.folder, copy_function=_link, dirs_exist_ok=True)
        maker = made.result.reused_from or earlier.key  # the run that made them, also after several reuses
        result = replace(made.result, reused_from=maker)
        seconds = round(time.monotonic() - clock, 3)
        return context.run.finish(replace(made, result=result, started_at=started.isoformat(), seconds=seconds))
    return None


def do(context: Context, step: Step, inputs: str) -> Manifest:
    """Performs a step in its empty folder and writes its manifest last."""
    started, clock = datetime.now(UTC), time.monotonic()
    result = step.perform(context)
    seconds = round(time.monotonic() - clock, 3)
    manifest = Manifest(step.name, inputs, result, started.isoformat(), seconds)
    try:
        return context.run.finish(manifest)
    except OSError as error:
        if not step.is_final:
            raise
        LOG.warning("%s is done, and cannot be recorded under %s: %s", step.title, context.run.folder, error)
        return manifest


def _same_inputs(run: Run, step: Step, inputs: str) -> Manifest | None:
    done = run.manifest(step.name)
    return done if done is not None and done.known and done.inputs == inputs else None


def _link(source: str, target: str) -> None:
    """Links a file, which no step changes after writing it; copies it if the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
