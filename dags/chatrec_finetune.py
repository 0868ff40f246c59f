"""### An encoder that goes on learning

Trains a candidate from the live encoder on the last published night: what the same people take comes near each other.
Then it embeds the catalogue with the candidate, beside the live vectors, and measures both on items of which the
candidate learned nothing. If the gain is clear of zero the next night encodes with it, and finds all vectors there.

* **Nothing is half-done**: a killed training goes on where it was when the task is cleared or tried again.
* **A candidate that is no better** is not promoted: the last task is skipped and says by how much.
* **Back** to the encoder before: `chatrec encoders use --back`; `chatrec encoders` lists all with their scores.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag
from chatrec_airflow import assets, finetune
from chatrec_airflow.defaults import DEFAULT_ARGS, GPU, TAGS
from chatrec_airflow.form import FINETUNE_FORM


@dag(
    dag_id="chatrec_finetune",
    schedule=CronTriggerTimetable("0 8 * * 6", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    allowed_run_types=["scheduled", "manual"],
    default_args={**DEFAULT_ARGS, "on_failure_callback": []},
    params=FINETUNE_FORM,
    tags=TAGS,
    doc_md=__doc__,
)
def chatrec_finetune() -> None:
    """Wires the steps of a fine-tuning."""
    key = finetune.begin()
    train = finetune.step("train", key, inlets=[assets.SNAPSHOT], execution_timeout=timedelta(hours=16), **GPU)
    train >> finetune.step("embed", key, **GPU) >> finetune.step("compare", key) >> finetune.promote(key)


chatrec_finetune()
