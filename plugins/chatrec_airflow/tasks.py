"""Tasks of a run; each calls the same function as `chatrec run`."""

from typing import Any

from airflow.sdk import get_current_context, task

from chatrec_airflow.assets import RECOMMENDATIONS


@task
def begin() -> str:
    """Record the run with the settings of the trigger form, and return its key."""
    from chatrec.pipeline import begin as begin_run
    from chatrec_airflow.form import changes, options
    from chatrec_airflow.settings import key_of_run, settings

    context = get_current_context()
    params = context["params"]
    chosen = settings().override(changes(params))
    return begin_run(chosen, key_of_run(context["dag_run"]), "airflow", options(params)).key


def step(name: str, key: Any, **options: Any) -> Any:
    """Create a task for a step of a run.

    Args:
        name: Name of the step.
        key: Key of the run, as returned by `begin`.
        **options: Options of the task.

    Returns:
        The task, whose result is the step's manifest, a few hundred bytes.
    """

    @task(task_id=name, **options)
    def do(key: str) -> dict[str, Any]:
        from chatrec.pipeline import perform
        from chatrec_airflow.settings import settings

        return perform(settings(), key, name).to_dict()

    return do(key)


@task(task_id="publish", outlets=[RECOMMENDATIONS])
def publish(key: str, gate: dict[str, Any], outlet_events: Any = None) -> dict[str, Any]:
    """Publish the run. The asset event has the number of rows and the metrics."""
    from airflow.sdk.exceptions import AirflowSkipException

    from chatrec.pipeline import metrics, perform
    from chatrec_airflow.settings import settings

    if get_current_context()["params"]["dry_run"]:
        raise AirflowSkipException("a dry run publishes nothing")
    manifest = perform(settings(), key, "publish").to_dict()
    facts = {
        "run": key,
        "rows": manifest["result"]["rows"]["recommendations"],
        "metrics": metrics(settings(), key),
    }
    outlet_events[RECOMMENDATIONS].extra = facts
    return manifest
