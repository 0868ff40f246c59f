"""`chatrec finetune`: trains a candidate encoder, measures it beside the live one, and promotes it if it is better.

A fine-tuning is a run of its own in `finetunes/<key>/`, with manifests like a run's: it can be killed and gone on
with. It needs no database: the last published run gives the snapshot. Which run that is, and which encoder a
candidate has to beat, is written down when it begins.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatrec.config import Settings
from chatrec.encoder import registry
from chatrec.encoder.model_selection import choose
from chatrec.errors import RunError
from chatrec.pipeline.execution import Watch
from chatrec.pipeline.finetune_runs import BEGUN, LEARNING, Begun, all_finetunes, begun_of, finetune_run
from chatrec.pipeline.run_settings import keep_settings, settings_of
from chatrec.pipeline.step import Step
from chatrec.pipeline.step_cache import do_once
from chatrec.runs.results import PromoteResult
from chatrec.runs.run import Manifest, Run, key_of, runs_under, using_snapshots, write_atomically

LOG = logging.getLogger("chatrec")
GONE_ON_WITH = timedelta(days=1)
"""A fine-tuning that was interrupted longer ago learns from old events: a new one takes its place."""


def begin(settings: Settings, key: str | None = None) -> Run:
    """Writes down what a fine-tuning is made from.

    Args:
        settings: of this fine-tuning, options included.
        key: of it; default: the newest one if it was interrupted, else a new one that stands for now.

    Raises:
        RunError: no run has been published yet.
    """
    root = settings.artifacts.root
    run = finetune_run(root, key or _interrupted(root) or key_of(datetime.now(UTC)))
    if not (run.folder / BEGUN).exists():
        live, first = (str(choose(settings, promoted).source) for promoted in (True, False))
        begun = Begun(_published_run(root).key, live, first if registry.trained_on_erased(root, Path(live)) else live)
        write_atomically(run.folder / BEGUN, json.dumps(asdict(begun)))
    if not _finished(run):
        keep_settings(settings, run)
    return run


def perform(settings: Settings, key: str, name: str) -> Manifest:
    """Does one step of a fine-tuning, unless it was done from the same inputs before.

    Args:
        settings: for the artifact root; all else is the fine-tuning's own.
        key: of it.
        name: of the step.

    Raises:
        RunError: it was not begun, or a step before this one is not done.
        Busy: somebody is being erased.
    """
    step, run = BY_NAME[name], finetune_run(settings.artifacts.root, key)
    with using_snapshots(run.root):
        return do_once(settings_of(settings, run), run, step, asdict(begun_of(run)))


def finetune(settings: Settings, key: str | None, watch: Watch) -> PromoteResult:
    """Does a whole fine-tuning, or what is left of one; returns what became of the candidate."""
    run = begin(settings, key)
    for step in STEPS:
        watch(step, None)
        watch(step, perform(settings, run.key, step.name))
    return run.result(STEPS[-1].name, PromoteResult)


def abandon(root: Path) -> int:
    """Removes fine-tunings that have not ended, because somebody is erased of whom they learned; returns how many."""
    begun = [run for run in all_finetunes(root) if not _finished(run)]
    for run in begun:
        run.remove()
    return len(begun)


def _finished(run: Run) -> bool:
    return run.manifest(STEPS[-1].name) is not None


def _interrupted(root: Path) -> str | None:
    newest = all_finetunes(root)[-1:]
    for run in newest:
        if not _finished(run) and run.key >= key_of(datetime.now(UTC) - GONE_ON_WITH):
            LOG.info("Going on with fine-tuning %s, which was interrupted.", run.key)
            return run.key
    return None


def _published_run(root: Path) -> Run:
    runs = [run for run in runs_under(root) if run.manifest("publish")]
    if not runs:
        raise RunError(f"No run has been published under {root} yet: `chatrec run` does one.")
    return runs[-1]


STEPS: tuple[Step, ...] = (
    Step("train", (), LEARNING, "chatrec.pipeline.steps.finetune:train", "Train a candidate encoder"),
    Step(
        "embed",
        ("train",),
        ("text", "encoder", "compute"),
        "chatrec.pipeline.steps.finetune:embed",
        "Embed the catalogue in the shadow",
    ),
    Step("compare", ("embed",), ("compute",), "chatrec.pipeline.steps.finetune:compare", "Measure both encoders"),
    Step("promote", ("compare",), ("finetune",), "chatrec.pipeline.steps.finetune:promote", "Decide"),
)
BY_NAME: Mapping[str, Step] = {step.name: step for step in STEPS}
