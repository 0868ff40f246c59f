"""### Erase a person

Removes a user from the lists of all kept nights, from snapshots, vectors and quarantine, and what was learned from
them; the record in `chatrec.erasures` says what was removed. Delete the user in your own tables first: what they still
give is read again by the next night, and the log says how much that is.

* **Not beside a night**: while one is at work, or between two of its tasks, this waits and is tried again.
* **Nothing is half-done**: killed on the way, it is finished by clearing the task.
* **Airflow itself remembers** the form of this run: delete the DAG run when it has succeeded.
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
            description="The id, as your own tables have it.",
        )
    },
    tags=TAGS,
    doc_md=__doc__,
)
def chatrec_erase() -> None:
    """One task."""

    @task
    def erase() -> dict[str, Any]:
        from dataclasses import asdict

        from chatrec_airflow.settings import settings

        from chatrec.pipeline.erasure import erase as remove

        return asdict(remove(settings(), get_current_context()["params"]["user"]))

    erase()


chatrec_erase()
