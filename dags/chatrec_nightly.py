"""### The night

Reads users, items and events from your Postgres, turns texts into GPT-2 vectors, learns AIGC vectors, builds the FAISS
index, makes everybody's list, checks the night and publishes it by moving one pointer.

* **Nothing is half-done**: each task can be killed or cleared at any time; what it did is done again or skipped.
* **A failed check** stops the night before anything is published; the lists of the night before stay live. The verdict
  is in the task's log and in `chatrec.runs`.
* **A warning** makes the night wait for a person if `publish.approval` says so: the task `approve` asks, under
  *Required Actions*. Without an answer the lists of the night before stay live.
* **Only transient errors are tried again**: a database that does not answer, another night at work.
* **Trigger** it with the form for another N, other groups, another encoder, a full night or a dry run.
* **When** it runs is `night.schedule`: every night at two, or every hour.
* Backfills are refused: a night reads the tables as they are now.

`select item_id, rank, score, reason from chatrec.recommendations where user_id = 42 order by rank`
"""

from copy import deepcopy

from airflow.sdk import CronTriggerTimetable, dag, task_group
from chatrec_airflow import assets, tasks
from chatrec_airflow.approval import Approval
from chatrec_airflow.defaults import DEFAULT_ARGS, GPU, TAGS
from chatrec_airflow.form import FORM
from chatrec_airflow.settings import schedule


@dag(
    dag_id="chatrec_nightly",
    schedule=CronTriggerTimetable(schedule(), timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    allowed_run_types=["scheduled", "manual"],
    default_args=DEFAULT_ARGS,
    params=deepcopy(FORM),  # a task that asks a person makes Airflow write the values of its run into them
    tags=TAGS,
    doc_md=__doc__,
)
def chatrec_nightly() -> None:
    """Wires the steps of a night."""
    key = tasks.begin()
    extract = tasks.step("extract", key, inlets=[assets.SOURCE], outlets=[assets.SNAPSHOT])

    @task_group
    def language() -> None:
        tasks.step("encoder", key, **GPU) >> tasks.step("embed", key, outlets=[assets.VECTORS], **GPU)

    @task_group
    def model() -> None:
        learned = tasks.step("groups", key) >> tasks.step("aigc", key) >> tasks.step("blend", key)
        learned >> tasks.step("index", key, outlets=[assets.INDEX])

    @task_group
    def release() -> None:
        gate = tasks.step("gate", key)
        tasks.step("rank", key) >> tasks.step("tables", key) >> tasks.step("generate", key, **GPU) >> gate
        gate >> Approval(task_id="approve", key=key) >> tasks.publish(key, gate)

    extract >> language() >> model() >> release()


chatrec_nightly()
