"""### Fine-tune the encoder

Trains a candidate from the live encoder on the data of the latest published run: texts of items with common users move
closer together. Then embeds the catalogue with the candidate, beside the live vectors, and evaluates both on items that
were held out from training. If the gain is significantly above zero the next run encodes with the candidate, and finds
all vectors in the cache.

* **Safe to kill**: a killed training resumes when the task is cleared or retried.
* **A candidate that is not better** is not promoted: the last task is skipped and reports the difference.
* **Revert** to the previous encoder: `chatrec encoders use --back`; `chatrec encoders` lists all with their scores.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag
from chatrec_airflow import assets, finetune
from chatrec_airflow.defaults import DEFAULT_ARGS, GPU, TAGS
from chatrec_airflow.form import FINETUNE_FORM


@dag(
    dag_id="chatrec_finetune",
    schedule=CronTriggerTimetable("0 8 * * 6", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    allowed_run_types=["scheduled", "manual"],  # type: ignore[list-item] # the enum is private
    default_args={**DEFAULT_ARGS, "on_failure_callback": []},
    params=FINETUNE_FORM,
    tags=TAGS,
    doc_md=__doc__,
)
def chatrec_finetune() -> None:
    """Wire the steps of a fine-tuning."""
    key: Any = finetune.begin()  # a string, once the task has run
    train = finetune.step("train", key, inlets=[assets.SNAPSHOT], execution_timeout=timedelta(hours=16), **GPU)
    train >> finetune.step("embed", key, **GPU) >> finetune.step("compare", key) >> finetune.promote(key)


chatrec_finetune()
