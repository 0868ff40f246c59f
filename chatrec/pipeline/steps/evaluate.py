"""The steps of `chatrec evaluate`: a split of a run's snapshot, the run's text vectors, and the metrics."""

import json
from pathlib import Path

import numpy as np

from chatrec.aigc.aigc import CURVE, NAME, WITHOUT_HOLDOUT, AigcModel
from chatrec.aigc.state import AigcState
from chatrec.encoder.embed import ITEMS, PROFILE_USERS, PROFILES
from chatrec.ensemble.choice import ENSEMBLE
from chatrec.errors import RunError
from chatrec.evaluation import holdout
from chatrec.evaluation.evaluator import Evaluator
from chatrec.extract.snapshot import Snapshot
from chatrec.models.entry import Case
from chatrec.models.registry import POPULARITY
from chatrec.pipeline.context import Context
from chatrec.pipeline.training_data import training_data
from chatrec.report import results
from chatrec.report.compared_models import ComparedModels
from chatrec.report.holdout_snapshot import load_holdout, write_holdout_snapshot
from chatrec.runs.results import HoldoutResult, MeasureResult, TextVectorsResult
from chatrec.runs.run import Run
from chatrec.runtime.hardware import use_threads

SEED = 1
"""Added to the seed, so that the held-out users differ from those that weight the ensemble."""


def hold_out(context: Context) -> HoldoutResult:
    """Holds out events of the run's snapshot and writes the rest of it."""
    evaluated = _evaluated(context)
    ranking, seed = context.settings.ranking, context.settings.compute.seed
    whole = Snapshot(evaluated.step_folder("extract"))
    available = whole.items["available"].to_numpy()
    held = holdout.hold_out(whole.histories, available, ranking.exclude_seen, ranking.target, seed + SEED)
    if not len(held):
        raise RunError(
            f"Nothing can be held out of run {evaluated.key} with target {ranking.target}: no user has an event to "
            "predict and one before it. `--target next_item` needs the fewest events."
        )
    write_holdout_snapshot(whole, held, context.folder)
    return HoldoutResult(holdout_users=len(held), targets=len(held.targets), events_left=len(held.histories.items))


def take_vectors(context: Context) -> TextVectorsResult:
    """Copies item vectors, and the profiles of users with interactions left.

    User texts with histories are not copied, because they contain held-out events.
    """
    items, profiles, users = (
        np.load(_evaluated(context).step_folder("embed") / name) for name in (ITEMS, PROFILES, PROFILE_USERS)
    )
    kept = context.snapshot.histories.lengths[users] > 0
    for name, array in ((ITEMS, items), (PROFILES, profiles[kept]), (PROFILE_USERS, users[kept])):
        np.save(context.folder / name, array)
    return TextVectorsResult(items=len(items), profiles=int(kept.sum()))


def measure(context: Context) -> MeasureResult:
    """Measures all models on the held-out events."""
    use_threads(context.settings.compute.threads)
    settings, texts = context.settings, np.load(context.of("embed") / ITEMS)
    held = load_holdout(context.of("extract"), settings.ranking.exclude_seen)
    data = training_data(context, held.histories)
    trained = (context.of("aigc") / WITHOUT_HOLDOUT).exists()
    others = {NAME: AigcModel(AigcState.load(context.of("aigc")))} if trained else {}
    case = Case(data, settings.ranking.target, exclude_seen=settings.ranking.exclude_seen)
    systems = ComparedModels.load(context.of("ensemble"), case, others)
    learning = _curve(context.of("aigc") / CURVE)
    target, seed = settings.ranking.target, settings.compute.seed
    evaluation = results.measure(systems, Evaluator(held, texts), context.run.key, target, seed, learning)
    evaluation.save(context.folder)
    ndcg, popularity = (evaluation.systems[name]["ndcg@10"] for name in (ENSEMBLE, POPULARITY))
    return MeasureResult(ndcg=ndcg, popularity_ndcg=popularity)


def _evaluated(context: Context) -> Run:
    """Returns the evaluated run, which has the same key."""
    return Run(context.run.root, context.run.key)


def _curve(file: Path) -> dict[str, list[float]] | None:
    """Returns the training history of the step aigc; None if it trained nothing."""
    if not file.exists():
        return None
    curve: dict[str, list[float]] = json.loads(file.read_text(encoding="utf-8"))
    return curve if curve["loss"] else None
