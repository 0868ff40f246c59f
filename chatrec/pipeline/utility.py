"""`chatrec privacy --curve`: accuracy by ε, measured on a snapshot and without a database."""

from collections.abc import Sequence

from chatrec.config import Settings
from chatrec.errors import RunError
from chatrec.pipeline.context import Context
from chatrec.pipeline.evaluation import ready_run
from chatrec.pipeline.private import FOLDER, ids_of
from chatrec.pipeline.training_data import holdout_of, training_data
from chatrec.privacy.noise import Noise
from chatrec.report.privacy_utility import Utility, measure
from chatrec.runtime.hardware import use_threads


def utility_of_run(settings: Settings, key: str | None, epsilons: Sequence[float]) -> tuple[str, Utility]:
    """Measures accuracy by ε on a run's snapshot.

    Args:
        settings: Settings; `ranking.target` determines the held-out events, `privacy.delta` the δ of each release.
        key: Key of the run. By default the newest run with text vectors.
        epsilons: Values of ε of one release.

    Returns:
        The key of the run, and the measurement.

    Raises:
        RunError: If there is no such run, or none of its events can be held out.
    """
    use_threads(settings.compute.threads)
    run = ready_run(settings.artifacts.root, key)
    context = Context(run, settings, run.folder)
    held = holdout_of(context)
    if not len(held):
        raise RunError(
            f"Nothing can be held out of run {run.key} with target {settings.ranking.target}: no user has an event to "
            "predict and one before it. The target next_item needs the fewest events."
        )
    noise = Noise.of(settings.artifacts.root / FOLDER)
    data, items = training_data(context, held.histories), ids_of(context.snapshot)
    return run.key, measure(data, items, held, epsilons, settings.privacy.delta, noise, run.key)
