"""### Roll back to an earlier run

Makes the lists of an earlier run live again, instantly: it moves the pointer and computes nothing. Without a key it
takes the run before the live one. `select key, kept from chatrec.runs order by key desc` lists the runs to choose from.
"""

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task
from chatrec_airflow.assets import RECOMMENDATIONS
from chatrec_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    dag_id="chatrec_rollback",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGS, "on_failure_callback": []},
    params={
        "run": Param(
            None,
            type=["null", "string"],
            pattern=r"^\d{8}T\d{6}Z$",
            title="Run",
            description="Key of a kept run; empty for the run before the live one.",
        )
    },
    tags=TAGS,
    doc_md=__doc__,
)
def chatrec_rollback() -> None:
    """Wire the task."""

    @task(outlets=[RECOMMENDATIONS])
    def rollback(outlet_events: Any = None) -> str:
        from chatrec_airflow.settings import settings

        from chatrec.pipeline import rollback

        key = rollback(settings(), get_current_context()["params"]["run"])
        outlet_events[RECOMMENDATIONS].extra = {"run": key, "rollback": True}
        return key

    rollback()


chatrec_rollback()
