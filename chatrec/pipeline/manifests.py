"""A step, done once: what it was made from, whether that still holds, and the manifest that says it has happened."""

import time
from datetime import UTC, datetime
from typing import Any

from chatrec import __version__
from chatrec.errors import RunError
from chatrec.pipeline.context import Context
from chatrec.pipeline.steps import Step
from chatrec.run import Manifest, Run, digest_of, fingerprint
from chatrec.settings import Settings


def inputs_of(settings: Settings, run: Run, step: Step, *others: object) -> str:
    """Fingerprint of all that a step is made from.

    Args:
        settings: of the run.
        run: whose steps before this one are done.
        step: which.
        *others: what else it is made from.

    Raises:
        RunError: a step before it has not been done.
    """
    values = settings.frozen()
    chosen = {key: _value(values, key) for key in step.settings}
    before = {name: manifest_of(run, name).digest for name in step.needs}
    return fingerprint(__version__, chosen, before, *others)


def manifest_of(run: Run, step: str) -> Manifest:
    """The manifest of a step that must have been done."""
    manifest = run.manifest(step)
    if manifest is None:
        raise RunError(f"Step {step} of run {run.key} has not been done yet.")
    return manifest


def done_before(run: Run, step: Step, inputs: str) -> Manifest | None:
    """The manifest of a step that was made from the same inputs, or None."""
    done = run.manifest(step.name)
    return done if done is not None and done.inputs == inputs else None


def do(context: Context, step: Step, inputs: str) -> Manifest:
    """Does a step in its empty folder and writes its manifest last."""
    started, clock = datetime.now(UTC), time.monotonic()
    counts = step.function(context)
    seconds = round(time.monotonic() - clock, 3)
    manifest = Manifest(step.name, inputs, digest_of(context.folder), counts, started.isoformat(), seconds)
    context.run.finish(manifest)
    return manifest


def _value(values: dict[str, Any], key: str) -> Any:
    section, _, name = key.partition(".")
    return values[section][name] if name else values[section]
