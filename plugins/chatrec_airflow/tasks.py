"""The tasks of a night: each calls the same function that `chatrec run` calls."""

from dataclasses import asdict
from typing import Any

from airflow.sdk import get_current_context, task

from chatrec_airflow.assets import RECOMMENDATIONS


@task
def begin() -> str:
    """Records the run with the settings of the trigger form, and gives its key to the tasks that follow."""
    from chatrec.pipeline import begin as begin_run
    from chatrec_airflow.form import changes
    from chatrec_airflow.settings import key_of_run, settings

    context = get_current_context()
    chosen = settings().override(changes(context["params"]))
    return begin_run(chosen, key_of_run(context["dag_run"]), "airflow").key


def step(name: str, key: Any, **options: Any) -> Any:
    """A task that does one step of a night.

    Args:
        name: of the step.
        key: of the run, as `begin` gave it.
        **options: of the task.

    Returns:
        The task's result: the step's manifest, a few hundred bytes.
    """

    @task(task_id=name, **options)
    def do(key: str) -> dict[str, Any]:
        from chatrec.pipeline import perform
        from chatrec_airflow.settings import settings

        return asdict(perform(settings(), key, name))

    return do(key)


@task(task_id="publish", outlets=[RECOMMENDATIONS])
def publish(key: str, gate: dict[str, Any], outlet_events: Any = None) -> dict[str, Any]:
    """Moves the pointer; tells everybody who waits for new lists how many rows and how good they are."""
    from airflow.sdk.exceptions import AirflowSkipException

    from chatrec.pipeline import measured, perform
    from chatrec_airflow.settings import settings

    if get_current_context()["params"]["dry_run"]:
        raise AirflowSkipException("a dry run publishes nothing")
    manifest = asdict(perform(settings(), key, "publish"))
    facts = {
        "run": key,
        "rows": manifest["counts"]["recommendations rows"],
        "metrics": measured(settings(), key),
    }
    outlet_events[RECOMMENDATIONS].extra = facts
    return manifest
