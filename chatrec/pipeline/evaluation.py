"""`chatrec evaluate`: holds events out of a run's snapshot, fits everything on the rest, and measures all of it.

An evaluation is a run of its own in `evaluations/<key>-<target>/`, with manifests like a run's: it can be killed and
gone on with. It needs no database. That run gives the snapshot and the vectors of texts; both are copied first.
"""

from pathlib import Path

from chatrec.config import Settings
from chatrec.errors import RunError, SettingsError
from chatrec.pipeline.execution import Watch
from chatrec.pipeline.run_settings import settings_of
from chatrec.pipeline.step import Step
from chatrec.pipeline.step_cache import do_once, values_of
from chatrec.pipeline.steps import BY_NAME
from chatrec.report.html import write_report
from chatrec.report.results import Evaluation
from chatrec.runs.run import Run, runs_under, using_snapshots

FOLDER = "evaluations"
GIVEN = ("extract", "embed")
"""The steps of the run that an evaluation takes."""
STEPS: tuple[Step, ...] = (
    Step("extract", (), ("ranking", "compute"), "chatrec.pipeline.steps.evaluate:hold_out", "Hold events out"),
    Step("embed", ("extract",), (), "chatrec.pipeline.steps.evaluate:take_vectors", "Take the run's text vectors"),
    *(BY_NAME[name] for name in ("groups", "aigc", "ensemble")),
    Step(
        "measure",
        ("extract", "embed", "aigc", "ensemble"),
        ("ranking", "compute"),
        "chatrec.pipeline.steps.evaluate:measure",
        "Measure all systems",
    ),
)


def evaluate(settings: Settings, key: str | None, watch: Watch) -> tuple[Evaluation, Path]:
    """Evaluates the snapshot of a run, and writes the report.

    Args:
        settings: of the fit; `ranking.target` says what is held out.
        key: of the run; default: the newest one whose texts are embedded.
        watch: is told of each step.

    Returns:
        The numbers, and the HTML file.

    Raises:
        RunError: there is no such run, or nothing can be held out of it.
        Busy: somebody is being erased.
        SettingsError: texts or encoder are other ones than that run's.
    """
    root = settings.artifacts.root
    evaluated = ready_run(root, key)
    _refuse_other_vectors(settings, evaluated)
    run = Run(root, evaluated.key, root / FOLDER / f"{evaluated.key}-{settings.ranking.target}")
    given = [manifest.digest for name in GIVEN if (manifest := evaluated.manifest(name))]
    with using_snapshots(root):
        for step in STEPS:
            watch(step, None)
            watch(step, do_once(settings, run, step, *given))
    numbers = run.step_folder("measure")
    evaluation = Evaluation.load(numbers)
    return evaluation, write_report(evaluation, numbers, run.folder)


def ready_run(root: Path, key: str | None) -> Run:
    """A run that has what an evaluation takes; default: the newest one.

    Raises:
        RunError: there is none.
    """
    runs = [Run(root, key)] if key else runs_under(root)
    ready = [run for run in runs if all(run.manifest(name) for name in GIVEN)]
    if not ready:
        raise RunError(
            f"There is no {f'run {key}' if key else 'run'} under {root} that has finished the steps "
            f"{' and '.join(GIVEN)}, which an evaluation takes: `chatrec run` does them."
        )
    return ready[-1]


def _refuse_other_vectors(settings: Settings, evaluated: Run) -> None:
    then = settings_of(settings, evaluated)
    for section in ("text", "encoder"):
        if values_of(then, (section,)) != values_of(settings, (section,)):
            raise SettingsError(
                f"[{section}] or [advanced.{section}] differs from the settings of run {evaluated.key}, "
                "whose text vectors an evaluation uses. Restore the settings, or make new vectors with `chatrec run`."
            )
