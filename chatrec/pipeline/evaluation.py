"""`chatrec evaluate`: holds events out of a night's snapshot, fits everything on the rest, and measures all of it.

An evaluation is a run of its own in `evaluations/<key>-<target>/`, with manifests like a night's: it can be killed and
gone on with. It needs no database. The night gives the snapshot and the vectors of texts; both are copied first.
"""

import json
import logging
from functools import partial
from pathlib import Path

from chatrec.config import Settings
from chatrec.errors import RunError, SettingsError
from chatrec.pipeline.context import Context
from chatrec.pipeline.runner import Watch, of_run
from chatrec.pipeline.step_cache import do, done_before, inputs_of
from chatrec.pipeline.steps import BY_NAME, Step, use_threads
from chatrec.report.results import Evaluation
from chatrec.runs.run import Counts, Run, runs_under, using_snapshots

LOG = logging.getLogger("chatrec")
FOLDER = "evaluations"
GIVEN = ("extract", "embed")
"""The steps of the night that an evaluation takes."""
SEED = 1
"""Added to the seed, so that other users are held out here than those by which the blend is weighed."""


def evaluate(settings: Settings, key: str | None, watch: Watch) -> tuple[Evaluation, Path]:
    """Evaluates the snapshot of a night, and writes the report.

    Args:
        settings: of the fit; `ranking.target` says what is held out.
        key: of the night; default: the newest one whose texts are embedded.
        watch: is told of each step.

    Returns:
        The numbers, and the HTML file.

    Raises:
        RunError: there is no such night, or nothing can be held out of it.
        Busy: somebody is being erased.
        SettingsError: texts or encoder are other ones than that night's.
    """
    from chatrec.report.html import write_report

    root = settings.artifacts.root
    night = ready_night(root, key)
    _refuse_other_vectors(settings, night)
    run = Run(root, night.key, root / FOLDER / f"{night.key}-{settings.ranking.target}")
    given = [manifest.digest for name in GIVEN if (manifest := night.manifest(name))]
    with using_snapshots(root):
        for step in _steps(night):
            watch(step, None)
            inputs = inputs_of(settings, run, step, *given)
            if done := done_before(run, step, inputs):
                LOG.info("%s was done before.", step.title)
            watch(step, done or do(Context(run, settings, run.fresh_folder(step.name)), step, inputs))
    numbers = run.step_folder("measure")
    evaluation = Evaluation.load(numbers)
    return evaluation, write_report(evaluation, numbers, run.folder)


def ready_night(root: Path, key: str | None) -> Run:
    """A night that has what an evaluation takes; default: the newest one.

    Raises:
        RunError: there is none.
    """
    nights = [Run(root, key)] if key else runs_under(root)
    ready = [night for night in nights if all(night.manifest(name) for name in GIVEN)]
    if not ready:
        raise RunError(
            f"There is no {f'run {key}' if key else 'run'} under {root} that has finished the steps "
            f"{' and '.join(GIVEN)}, which an evaluation takes: `chatrec run` does them."
        )
    return ready[-1]


def _refuse_other_vectors(settings: Settings, night: Run) -> None:
    then = of_run(settings, night)
    for section in ("text", "encoder"):
        if getattr(then, section) != getattr(settings, section):
            raise SettingsError(
                f"The settings of [{section}] are other ones than those of run {night.key}, whose text vectors an "
                "evaluation takes: `chatrec run` makes new ones, or set them back."
            )


def _steps(night: Run) -> tuple[Step, ...]:
    return (
        Step("extract", (), ("ranking", "compute"), partial(_hold_out, night), "Hold events out"),
        Step("embed", ("extract",), (), partial(_take_vectors, night), "Take the night's text vectors"),
        *(BY_NAME[name] for name in ("groups", "aigc", "blend")),
        Step("measure", ("extract", "embed", "aigc", "blend"), ("ranking", "compute"), _measure, "Measure all systems"),
    )


def _hold_out(night: Run, context: Context) -> Counts:
    from chatrec.evaluation.holdout import hold_out
    from chatrec.extract.snapshot import Snapshot
    from chatrec.report.holdout_snapshot import write_rest

    ranking, seed = context.settings.ranking, context.settings.compute.seed
    whole = Snapshot(night.step_folder("extract"))
    available = whole.items["available"].to_numpy()
    held = hold_out(whole.histories, available, ranking.exclude_seen, ranking.target, seed + SEED)
    if not len(held):
        raise RunError(
            f"Nothing can be held out of run {night.key} with target {ranking.target}: no user has an event to predict "
            "and one before it. `--target next` needs the least."
        )
    write_rest(whole, held, context.folder)
    return {"held-out users": len(held), "targets": len(held.targets), "events left": len(held.histories.items)}


def _take_vectors(night: Run, context: Context) -> Counts:
    """Item vectors, and the profiles of users with a history left; texts of histories would tell what is held out."""
    import numpy as np

    from chatrec.encoder.embed import ITEMS, PROFILE_USERS, PROFILES

    items, profiles, users = (np.load(night.step_folder("embed") / name) for name in (ITEMS, PROFILES, PROFILE_USERS))
    kept = context.snapshot.histories.lengths[users] > 0
    for name, array in ((ITEMS, items), (PROFILES, profiles[kept]), (PROFILE_USERS, users[kept])):
        np.save(context.folder / name, array)
    return {"items": len(items), "profiles": int(kept.sum())}


def _measure(context: Context) -> Counts:
    import numpy as np

    from chatrec.aigc import aigc as aigc
    from chatrec.aigc.state import AigcState
    from chatrec.encoder.embed import ITEMS
    from chatrec.ensemble.ensemble import BLEND
    from chatrec.evaluation.evaluator import Evaluator
    from chatrec.models.registry import POPULARITY
    from chatrec.report.compared_models import Systems
    from chatrec.report.holdout_snapshot import load_holdout
    from chatrec.report.results import measure

    use_threads(context.settings)
    settings, texts = context.settings, np.load(context.of("embed") / ITEMS)
    held = load_holdout(context.of("extract"), settings.ranking.exclude_seen)
    known = context.known(held.histories)
    others = {aigc.NAME: aigc.AigcModel(AigcState.load(context.of("aigc")))}
    systems = Systems.load(context.of("blend"), known, others, settings.ranking.target)
    learning = _curve(context.of("aigc") / aigc.CURVE)
    target, seed = settings.ranking.target, settings.compute.seed
    found = measure(systems, Evaluator(held, texts), context.run.key, target, seed, learning)
    found.save(context.folder)
    return {f"{name} NDCG@10": found.systems[name]["ndcg@10"] for name in (BLEND, POPULARITY)}


def _curve(file: Path) -> dict[str, list[float]] | None:
    """What the step aigc recorded while it learned; None if it read nothing or records nothing."""
    if not file.exists():
        return None
    found: dict[str, list[float]] = json.loads(file.read_text(encoding="utf-8"))
    return found if found["loss"] else None
