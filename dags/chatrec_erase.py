"""### Erase a user

Removes a user from the lists of all kept runs, from snapshots, vectors and quarantine, and removes everything learned
from the user's data. `chatrec.erasures` records the removals. Delete the user from your own tables first: the next run
reads rows that they still return, and the log reports their number.

* **Not during a run**: while a run is in progress, or between two of its tasks, this task is retried.
* **Safe to kill**: clear the task to finish an interrupted erasure.
* **An unknown id** ends the task as skipped, unless the form says that it may be unknown.
* **Airflow keeps the form** of this DAG run: delete the DAG run when it has succeeded.
"""

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task
from chatrec_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    dag_id="chatrec_erase",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGS, "on_failure_callback": []},
    params={
        "user": Param(
            type="string",
            minLength=1,
            title="User",
            description="User id, as in your own tables.",
        ),
        "may_be_unknown": Param(
            default=False,
            type="boolean",
            title="May be unknown",
            description="Whether it is right if nothing of the user is stored. Otherwise the task ends as skipped.",
        ),
    },
    tags=TAGS,
    doc_md=__doc__,
)
def chatrec_erase() -> None:
    """Wire the task."""

    @task
    def erase() -> dict[str, Any]:
        from dataclasses import asdict

        from airflow.sdk.exceptions import AirflowSkipException
        from chatrec_airflow.settings import settings

        from chatrec.pipeline.erasure import erase as remove

        given = get_current_context()["params"]
        erased = remove(settings(), given["user"])
        if not (erased.known or given["may_be_unknown"]):
            raise AirflowSkipException("Nothing of this user was stored: is the id right?")
        return asdict(erased)

    erase()


chatrec_erase()
