"""### Run the pipeline

Reads users, items and events from your Postgres, encodes texts as GPT-2 vectors, trains AIGC vectors, builds the FAISS
index, ranks a list for every user, checks the run and publishes it by moving one pointer.

* **Safe to kill**: each task can be killed or cleared at any time; its work is repeated or skipped.
* **A failed check** stops the run before anything is published; the lists of the previous run stay live. The verdict is
  in the task's log and in `chatrec.runs`.
* **A warning** makes the run wait for approval if `publish.approval` requires it: the task `approve` asks, under
  *Required Actions*. Without an answer the lists of the previous run stay live.
* **Only transient errors are retried**, such as a database that does not answer or another run in progress.
* **Trigger** it with the form for another N, other groups, another encoder, a full run or a dry run.
* **The schedule** is `run.schedule`, such as daily at two, or hourly.
* **Backfills** are refused: a run reads the current tables.

`select item_id, rank, score, reason from chatrec.recommendations where user_id = 42 order by rank`
"""

from copy import deepcopy
from typing import Any

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
    allowed_run_types=["scheduled", "manual"],  # type: ignore[list-item] # the enum is private
    default_args=DEFAULT_ARGS,
    params=deepcopy(FORM),  # the approval task makes Airflow write the values of its run into them
    tags=TAGS,
    doc_md=__doc__,
)
def chatrec_nightly() -> None:
    """Wire the steps of a run."""
    key: Any = tasks.begin()  # a string, once the task has run
    extract = tasks.step("extract", key, inlets=[assets.SOURCE], outlets=[assets.SNAPSHOT])

    @task_group
    def language() -> None:
        tasks.step("encoder", key, **GPU) >> tasks.step("embed", key, outlets=[assets.VECTORS], **GPU)

    @task_group
    def model() -> None:
        trained = tasks.step("groups", key) >> tasks.step("aigc", key) >> tasks.step("ensemble", key)
        trained >> tasks.step("index", key, outlets=[assets.INDEX])

    @task_group
    def release() -> None:
        gate = tasks.step("gate", key)
        tasks.step("rank", key) >> tasks.step("tables", key) >> tasks.step("generate", key, **GPU) >> gate
        gate >> Approval(task_id="approve", key=key) >> tasks.publish(key, gate)

    extract >> language() >> model() >> release()


chatrec_nightly()
