"""### Back to an older night

Makes an older night's lists live again, in one instant: it moves the pointer and computes nothing. Without a key it
goes to the night before the live one. `select key, kept from chatrec.runs order by key desc` shows where one can go.
"""

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
            description="The key of a kept run; empty for the one before the live one.",
        )
    },
    tags=TAGS,
    doc_md=__doc__,
)
def chatrec_rollback() -> None:
    """One task."""

    @task(outlets=[RECOMMENDATIONS])
    def rollback(outlet_events=None) -> str:
        from chatrec_airflow.settings import settings

        from chatrec.pipeline import go_back

        key = go_back(settings(), get_current_context()["params"]["run"])
        outlet_events[RECOMMENDATIONS].extra = {"run": key, "rollback": True}
        return key

    rollback()


chatrec_rollback()
