"""Tasks of a fine-tuning; each calls the same function as `chatrec finetune`."""

from typing import Any

from airflow.sdk import get_current_context, task

from chatrec_airflow.assets import ENCODER


@task
def begin() -> str:
    """Record the inputs of the fine-tuning and return its key."""
    from chatrec.pipeline import finetune
    from chatrec_airflow.form import finetune_changes
    from chatrec_airflow.settings import key_of_run, settings

    context = get_current_context()
    chosen = settings().override(finetune_changes(context["params"]))
    return finetune.begin(chosen, key_of_run(context["dag_run"])).key


def step(name: str, key: Any, **options: Any) -> Any:
    """Create a task for a step of a fine-tuning, as `chatrec_airflow.tasks.step` does for a run."""

    @task(task_id=name, **options)
    def do(key: str) -> dict[str, Any]:
        from chatrec.pipeline import finetune
        from chatrec_airflow.settings import settings

        return finetune.perform(settings(), key, name).to_dict()

    return do(key)


@task(outlets=[ENCODER])
def promote(key: str, outlet_events: Any = None) -> dict[str, Any]:
    """Promote the candidate if it is better; otherwise the task is skipped, which shows in the grid."""
    from airflow.sdk.exceptions import AirflowSkipException

    from chatrec.pipeline import finetune
    from chatrec_airflow.settings import settings

    manifest = finetune.perform(settings(), key, "promote").to_dict()
    decision = manifest["result"]
    if not decision["promoted"]:
        raise AirflowSkipException(decision["verdict"])
    outlet_events[ENCODER].extra = {"run": key, "verdict": decision["verdict"]}
    return manifest
