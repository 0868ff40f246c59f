"""`chatrec evaluate`: holds out events of a run's snapshot, fits all models on the rest, and measures them.

An evaluation has a folder of its own, `evaluations/<key>-<target>/`, with manifests like a run's, so that an
interrupted one can be resumed. It needs no database. The snapshot and text vectors are copied from the run.
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
from chatrec.runs.disk import readable_disk_errors
from chatrec.runs.run import Run, runs_under, using_snapshots

FOLDER = "evaluations"
GIVEN = ("extract", "embed")
"""Steps of the run whose files an evaluation uses."""
STEPS: tuple[Step, ...] = (
    Step("extract", (), ("ranking", "compute"), "chatrec.pipeline.steps.evaluate:hold_out", "Hold out events"),
    Step("embed", ("extract",), (), "chatrec.pipeline.steps.evaluate:take_vectors", "Copy the run's text vectors"),
    *(BY_NAME[name] for name in ("groups", "aigc", "ensemble")),
    Step(
        "measure",
        ("extract", "embed", "aigc", "ensemble"),
        ("ranking", "compute"),
        "chatrec.pipeline.steps.evaluate:measure",
        "Measure all models",
    ),
)


def evaluate(settings: Settings, key: str | None, watch: Watch) -> tuple[Evaluation, Path]:
    """Evaluates all models on the snapshot of a run, and writes the report.

    Args:
        settings: Settings of the models; `ranking.target` determines the events that are held out.
        key: Key of the run. By default the newest run with text vectors.
        watch: Called with each step, and with its manifest when it is done.

    Returns:
        The evaluation, and the HTML file of its report.

    Raises:
        RunError: If there is no such run, or none of its events can be held out.
        Busy: If an erasure is in progress.
        SettingsError: If the settings of texts or encoder differ from those of the run.
    """
    with readable_disk_errors(settings.artifacts.root):
        return _evaluate(settings, key, watch)


def _evaluate(settings: Settings, key: str | None, watch: Watch) -> tuple[Evaluation, Path]:
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
    """Returns a run with the files that an evaluation uses, by default the newest one.

    Raises:
        RunError: If there is none.
    """
    runs = [Run(root, key)] if key else runs_under(root)
    for run in reversed(runs):
        if all(run.intact(name) for name in GIVEN):
            return run
    raise RunError(
        f"There is no {f'run {key}' if key else 'run'} under {root} that has finished the steps "
        f"{' and '.join(GIVEN)}, whose files an evaluation uses, and has them intact: `chatrec run` performs them."
    )


def _refuse_other_vectors(settings: Settings, evaluated: Run) -> None:
    then = settings_of(settings, evaluated)
    for section in ("text", "encoder"):
        if values_of(then, (section,)) != values_of(settings, (section,)):
            raise SettingsError(
                f"[{section}] or [advanced.{section}] differs from the settings of run {evaluated.key}, "
                "whose text vectors an evaluation uses. Restore the settings, or make new vectors with `chatrec run`."
            )
