"""`chatrec finetune`: trains a candidate encoder, compares it with the live one, and promotes it if it is better.

A fine-tuning has a folder of its own, `finetunes/<key>/`, with manifests like a run's, so that an interrupted one can
be resumed. It needs no database. At its start it records its inputs: the last published run, whose snapshot it uses,
and the live encoder, with which the candidate is compared.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatrec.config import Settings
from chatrec.encoder import registry
from chatrec.encoder.model_selection import HASHING, choose
from chatrec.errors import RunError, SettingsError
from chatrec.pipeline.execution import Watch
from chatrec.pipeline.finetune_runs import BEGUN, LEARNING, Begun, all_finetunes, begun_of, finetune_run
from chatrec.pipeline.run_settings import keep_settings, settings_of
from chatrec.pipeline.step import Step
from chatrec.pipeline.step_cache import do_once
from chatrec.runs.results import PromoteResult
from chatrec.runs.run import Manifest, Run, key_of, runs_under, using_snapshots, write_atomically

LOG = logging.getLogger("chatrec")
MAX_AGE = timedelta(days=1)
"""Maximum age of a fine-tuning that is resumed. Older ones use old events and are replaced by a new one."""


def begin(settings: Settings, key: str | None = None) -> Run:
    """Records the inputs of a fine-tuning.

    Args:
        settings: Settings of the fine-tuning, options included.
        key: Key of the fine-tuning. By default that of the newest one if it was interrupted, else one made from the
            time.

    Raises:
        RunError: If no run has been published yet.
        SettingsError: If `encoder.model` is hashing.
    """
    root = settings.artifacts.root
    run = finetune_run(root, key or _interrupted(root) or key_of(datetime.now(UTC)))
    if not (run.folder / BEGUN).exists():
        if settings.encoder.model == HASHING:
            raise SettingsError("encoder.model hashing has no weights to fine-tune: name a language model, or auto.")
        live, first = (str(choose(settings, promoted).source) for promoted in (True, False))
        begun = Begun(_published_run(root).key, live, first if registry.trained_on_erased(root, Path(live)) else live)
        write_atomically(run.folder / BEGUN, json.dumps(asdict(begun)))
    if not _finished(run):
        keep_settings(settings, run)
    return run


def perform(settings: Settings, key: str, name: str) -> Manifest:
    """Performs one step of a fine-tuning, unless it was performed with the same inputs before.

    Args:
        settings: Settings with the artifact root. All others are those of the fine-tuning.
        key: Key of the fine-tuning.
        name: Name of the step.

    Raises:
        RunError: If the fine-tuning has not begun, or a step before this one is not finished.
        Busy: If an erasure is in progress.
    """
    step, run = BY_NAME[name], finetune_run(settings.artifacts.root, key)
    with using_snapshots(run.root):
        return do_once(settings_of(settings, run), run, step, asdict(begun_of(run)))


def finetune(settings: Settings, key: str | None, watch: Watch) -> PromoteResult:
    """Performs all steps of a fine-tuning, or the remaining ones, and returns the decision about the candidate."""
    run = begin(settings, key)
    for step in STEPS:
        watch(step, None)
        watch(step, perform(settings, run.key, step.name))
    return run.result(STEPS[-1].name, PromoteResult)


def abandon(root: Path) -> int:
    """Removes unfinished fine-tunings, whose data include an erased user, and returns their number."""
    begun = [run for run in all_finetunes(root) if not _finished(run)]
    for run in begun:
        run.remove()
    return len(begun)


def _finished(run: Run) -> bool:
    return run.manifest(STEPS[-1].name) is not None


def _interrupted(root: Path) -> str | None:
    newest = all_finetunes(root)[-1:]
    for run in newest:
        if not _finished(run) and run.key >= key_of(datetime.now(UTC) - MAX_AGE):
            LOG.info("Resuming fine-tuning %s, which was interrupted.", run.key)
            return run.key
    return None


def _published_run(root: Path) -> Run:
    runs = [run for run in runs_under(root) if run.manifest("publish")]
    if not runs:
        raise RunError(f"No run has been published under {root} yet: `chatrec run` publishes one.")
    return runs[-1]


STEPS: tuple[Step, ...] = (
    Step("train", (), LEARNING, "chatrec.pipeline.steps.finetune:train", "Train a candidate encoder"),
    Step(
        "embed",
        ("train",),
        ("text", "encoder", "compute"),
        "chatrec.pipeline.steps.finetune:embed",
        "Encode with both encoders",
    ),
    Step("compare", ("embed",), ("compute",), "chatrec.pipeline.steps.finetune:compare", "Compare both encoders"),
    Step("promote", ("compare",), ("finetune",), "chatrec.pipeline.steps.finetune:promote", "Promote a better encoder"),
)
BY_NAME: Mapping[str, Step] = {step.name: step for step in STEPS}
