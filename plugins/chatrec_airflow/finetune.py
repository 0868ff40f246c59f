"""The tasks of a fine-tuning: each calls the same function that `chatrec finetune` calls."""

from dataclasses import asdict
from typing import Any

from airflow.sdk import get_current_context, task

from chatrec_airflow.assets import ENCODER


@task
def begin() -> str:
    """Writes down what the fine-tuning is made from, and gives its key to the tasks that follow."""
    from chatrec.pipeline import finetune
    from chatrec_airflow.form import finetune_changes
    from chatrec_airflow.settings import key_of_run, settings

    context = get_current_context()
    chosen = settings().override(finetune_changes(context["params"]))
    return finetune.begin(chosen, key_of_run(context["dag_run"])).key


def step(name: str, key: Any, **options: Any) -> Any:
    """A task that does one step of a fine-tuning; see `chatrec_airflow.tasks.step`."""

    @task(task_id=name, **options)
    def do(key: str) -> dict[str, Any]:
        from chatrec.pipeline import finetune
        from chatrec_airflow.settings import settings

        return asdict(finetune.perform(settings(), key, name))

    return do(key)


@task(outlets=[ENCODER])
def promote(key: str, outlet_events: Any = None) -> dict[str, Any]:
    """Makes the candidate live if it is better; skipped if it is not, so that one sees it in the grid."""
    from airflow.sdk.exceptions import AirflowSkipException

    from chatrec.pipeline import finetune
    from chatrec_airflow.settings import settings

    manifest = asdict(finetune.perform(settings(), key, "promote"))
    if not manifest["counts"]["promoted"]:
        raise AirflowSkipException(manifest["counts"]["verdict"])
    outlet_events[ENCODER].extra = {"run": key, "verdict": manifest["counts"]["verdict"]}
    return manifest
