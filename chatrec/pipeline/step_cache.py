"""A step, done once: what it was made from, whether that still holds, and the manifest that says it has happened."""

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
from chatrec.runs.run import TAKEN_AT, Manifest, Run, digest_of, fingerprint, runs_under

LOG = logging.getLogger("chatrec")


def inputs_of(settings: Settings, run: Run, step: Step, *others: object, options: RunOptions = DEFAULT_OPTIONS) -> str:
    """Fingerprint of all that a step is made from.

    Args:
        settings: of the run.
        run: whose steps before this one are done.
        step: which.
        *others: what else it is made from.
        options: of the run.

    Raises:
        RunError: a step before it has not been done.
    """
    chosen = values_of(settings, step.settings) | {name: getattr(options, name) for name in step.options}
    before = {name: run.finished(name).digest for name in step.needs}
    if "rules" in step.settings and settings.rules.depend_on_time:
        others = (*others, (run.step_folder("extract") / TAKEN_AT).read_text(encoding="utf-8"))
    return fingerprint(__version__, chosen, before, *others)


def values_of(settings: Settings, keys: Sequence[str]) -> dict[str, Any]:
    """The values of settings by dotted key. A section includes its table under `advanced`."""
    values = settings.frozen()
    advanced = values["advanced"]
    sections = {f"advanced.{key}" for key in keys if key in advanced}
    return {key: reduce(getitem, key.split("."), values) for key in (*keys, *sections)}


def done_before(run: Run, step: Step, inputs: str) -> Manifest | None:
    """The manifest of a step that was made from the same inputs, or None."""
    done = run.manifest(step.name)
    return done if done is not None and done.known and done.inputs == inputs else None


def do_once(settings: Settings, run: Run, step: Step, *others: object) -> Manifest:
    """Does a step of a run that no database records, unless it was done from the same inputs before.

    Arguments as in `inputs_of`.
    """
    inputs = inputs_of(settings, run, step, *others)
    if done := done_before(run, step, inputs):
        LOG.info("%s was done before.", step.title)
        return done
    return do(Context(run, settings, run.fresh_folder(step.name)), step, inputs)


def reuse(context: Context, step: Step, inputs: str) -> Manifest | None:
    """Takes the files that an earlier run made from the same inputs; None if there are none, or not as they were."""
    started, clock = datetime.now(UTC), time.monotonic()
    for earlier in reversed(runs_under(context.run.root)):
        made = done_before(earlier, step, inputs) if earlier.key != context.run.key else None
        if made is None or not earlier.step_folder(step.name).is_dir():
            continue
        shutil.copytree(earlier.step_folder(step.name), context.folder, copy_function=_link, dirs_exist_ok=True)
        if digest_of(context.folder) != made.digest:
            context.run.fresh_folder(step.name)
            continue
        maker = made.result.reused_from or earlier.key  # the run that made them, however often they were reused
        result = replace(made.result, reused_from=maker)
        seconds = round(time.monotonic() - clock, 3)
        manifest = replace(made, result=result, started_at=started.isoformat(), seconds=seconds)
        context.run.finish(manifest)
        return manifest
    return None


def do(context: Context, step: Step, inputs: str) -> Manifest:
    """Does a step in its empty folder and writes its manifest last."""
    started, clock = datetime.now(UTC), time.monotonic()
    result = step.perform(context)
    seconds = round(time.monotonic() - clock, 3)
    manifest = Manifest(
        step.name, inputs, digest_of(context.folder, without={TAKEN_AT}), result, started.isoformat(), seconds
    )
    context.run.finish(manifest)
    return manifest


def _link(source: str, target: str) -> None:
    """A second name for a file, which no step changes once it is written; a copy where the disk has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
